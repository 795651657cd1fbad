import { type BrandVariants, type Theme, createDarkTheme, createLightTheme } from "@fluentui/react-components";

/** One hue from near black to near white, evenly spaced in perceived lightness (OKLCH, hue 277). */
const brand: BrandVariants = {
  10: "#0a082f",
  20: "#131045",
  30: "#1c1a5c",
  40: "#252470",
  50: "#2f2f83",
  60: "#393a95",
  70: "#4347a7",
  80: "#5055b9",
  90: "#6067cd",
  100: "#717bde",
  110: "#848fec",
  120: "#96a1f7",
  130: "#a9b4ff",
  140: "#bdc8ff",
  150: "#d1d9ff",
  160: "#e5ebff",
};

export const lightTheme: Theme = createLightTheme(brand);

export const darkTheme: Theme = {
  ...createDarkTheme(brand),
  // The generated dark theme takes brand text from the middle of the ramp, which is too dim on a dark page (WCAG 1.4.3).
  colorBrandForeground1: brand[120],
  colorBrandForeground2: brand[130],
  colorBrandForegroundLink: brand[120],
  colorBrandForegroundLinkHover: brand[130],
  colorBrandForegroundLinkPressed: brand[110],
};
