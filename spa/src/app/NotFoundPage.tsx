import { Link } from "react-router";
import { Page } from "../components/Page";

export function NotFoundPage() {
  return (
    <Page title="There is no such page" lead="The address may be mistyped, or the page was moved.">
      <Link to="/">Go to your profile</Link>
    </Page>
  );
}
