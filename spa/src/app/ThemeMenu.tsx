import { Button, Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger, Tooltip } from "@fluentui/react-components";
import { WeatherMoonRegular, WeatherSunnyRegular } from "@fluentui/react-icons";
import type { ColorScheme, ColorSchemeChoice } from "./colorScheme";

/** Light, dark, or as the system has it. */
export function ThemeMenu({ scheme }: { readonly scheme: ColorScheme }) {
  return (
    <Menu
      inline
      positioning="below-end"
      checkedValues={{ scheme: [scheme.choice] }}
      onCheckedValueChange={(_, { checkedItems }) => {
        scheme.choose(checkedItems[0] as ColorSchemeChoice);
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <Tooltip content="Theme" relationship="label">
          <Button
            appearance="subtle"
            icon={scheme.effective === "dark" ? <WeatherMoonRegular /> : <WeatherSunnyRegular />}
          />
        </Tooltip>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {CHOICES.map(([value, label]) => (
            <MenuItemRadio key={value} name="scheme" value={value}>
              {label}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

const CHOICES: readonly (readonly [ColorSchemeChoice, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];
