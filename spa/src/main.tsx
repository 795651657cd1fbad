import { createRoot } from "react-dom/client";
import { CannotStartPage } from "./app/CannotStartPage";
import "./app/page.css";
import { loadSettings } from "./config/env";

const root = document.getElementById("root");
if (!root) {
  throw new Error("index.html has no element with the id root.");
}

try {
  // Settings and code are fetched side by side: neither needs the other to arrive first.
  const [settings, { start }] = await Promise.all([loadSettings(), import("./app/start")]);
  await start(settings, root);
} catch (error) {
  createRoot(root).render(<CannotStartPage error={error} />);
}
