/** The frame around every page: where one can go, whether what is shown is up to date, and the key. */
import { LocationProvider } from "preact-iso";
import { ListOrdered } from "lucide-preact";
import { AskKey } from "./parts/ask-key.tsx";
import { LiveBanner } from "./parts/live-banner.tsx";
import { Places } from "./parts/places.tsx";
import { Toasts } from "./parts/toasts.tsx";
import { Pages } from "./routes.tsx";

export function App() {
  return (
    <LocationProvider>
      <a class="skip" href="#page">
        Skip to the page
      </a>
      <header>
        <a class="brand" href="/">
          <ListOrdered aria-hidden="true" /> Sluice
        </a>
        <Places />
      </header>
      <LiveBanner />
      <main id="page" tabIndex={-1}>
        <AskKey>
          <Pages />
        </AskKey>
      </main>
      <Toasts />
    </LocationProvider>
  );
}
