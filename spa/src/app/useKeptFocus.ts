import { type RefObject, useEffect } from "react";

/**
 * Gives the focus to the page's heading when what had it inside `area` is gone, such as the button of a problem that is
 * solved. The browser would start again at the top of the document, and a screen reader would fall silent.
 */
export function useKeptFocus(area: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = area.current;
    if (!element) {
      return;
    }
    let last: Element | null = null;
    const follow = ({ target }: FocusEvent) => {
      last = target instanceof Element ? target : null;
    };
    const observer = new MutationObserver(() => {
      if (last && !last.isConnected && document.activeElement === document.body) {
        last = null;
        element.querySelector("h1")?.focus();
      }
    });
    element.addEventListener("focusin", follow);
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      element.removeEventListener("focusin", follow);
      observer.disconnect();
    };
  }, [area]);
}
