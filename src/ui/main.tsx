/** Where the dashboard begins. */
import { render } from "preact";
import { App } from "./app.tsx";
import { connect } from "./data/live.ts";
import "./main.css";

connect();
const root = document.getElementById("app");
// It takes the place of what is there for those who wait for it in vain.
root?.replaceChildren();
if (root !== null) render(<App />, root);
