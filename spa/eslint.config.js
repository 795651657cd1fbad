import eslint from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/**
 * Imports go one way: app → features → components → {api, auth} → config. Each rule names what a layer must not reach.
 *
 * @param {string} layer
 * @param {string[]} forbidden
 */
const layer = (layer, forbidden) => ({
  files: [`src/${layer}/**/*.{ts,tsx}`],
  ignores: ["src/**/*.test.{ts,tsx}"],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [...forbidden, "testing"].map((folder) => ({
          regex: `^(\\.\\./)+${folder}/`,
          message: `src/${layer} must not import from "${folder}" (app → features → components → {api, auth} → config).`,
        })),
      },
    ],
  },
});

const features = ["profile", "claims", "background", "welcome"];

export default defineConfig(
  { ignores: ["dist", "node_modules"] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  reactHooks.configs.flat["recommended-latest"],
  jsxA11y.flatConfigs.strict,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-console": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  layer("config", ["app", "features", "components", "api", "auth"]),
  layer("api", ["app", "features", "components", "auth"]),
  layer("auth", ["app", "features", "components", "api"]),
  layer("components", ["app", "features"]),
  ...features.map((name) => layer(`features/${name}`, ["app", ...features.filter((other) => other !== name)])),
  { files: ["eslint.config.js"], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ["e2e/**/*.mjs"],
    rules: {
      // TypeScript checks these files and knows which globals there are.
      "no-undef": "off",
      // node:test returns promises that its own runner awaits.
      "@typescript-eslint/no-floating-promises": "off",
    },
  },
);
