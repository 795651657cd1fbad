import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    // What browsers of the last years run without translation, module preloading included.
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // redirect.html is where Entra ID sends the browser back to. It is a page of its own, so that a pop-up or a hidden
      // frame loads a few kilobytes instead of the whole app.
      input: ["index.html", "redirect.html"],
    },
  },
  server: { port: 3000, strictPort: true },
  preview: { port: 3000, strictPort: true },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
    testTimeout: 60_000,
  },
});
