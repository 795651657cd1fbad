import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";

/**
 * Runs on `/redirect.html`, the page's registered redirect address. It hands Entra ID's answer to the window that asked:
 * after a redirect it goes back to the page the user left, in a pop-up or hidden frame it broadcasts and closes.
 * The server must send this page without a `Cross-Origin-Opener-Policy` header and allow it to be framed by its own origin.
 */
broadcastResponseToMainFrame().catch(() => {
  // Opened by hand, or reloaded after the answer was used up: there is nothing to hand over.
  const message = document.getElementById("message");
  if (message) {
    const home = document.createElement("a");
    home.href = "/";
    home.textContent = "Go to the start page";
    message.replaceChildren("There is no sign-in under way here. ", home, ".");
  }
});
