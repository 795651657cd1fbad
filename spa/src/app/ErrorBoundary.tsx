import { Component, type ReactNode } from "react";
import { CannotStartPage } from "./CannotStartPage";

/** Shows a failure of the page itself, such as a part that could not be fetched after a new version was laid out. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error === null ? this.props.children : <CannotStartPage error={this.state.error} />;
  }
}
