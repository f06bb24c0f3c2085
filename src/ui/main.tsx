/** Where the dashboard begins. */
import { render } from "preact";
import { App } from "./app.tsx";
import { connect } from "./data/live.ts";
import "./main.css";

connect();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
