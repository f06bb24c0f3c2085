/** The Worker: routes and object classes, nothing else. */
import { app } from "./api/app.ts";

export { ConcurrencyLimit } from "./objects/limit/object.ts";
export { EventHub } from "./objects/hub/object.ts";
export { RunJournal } from "./objects/journal/object.ts";
export { WorkPool } from "./objects/pool/object.ts";
export { Workspace } from "./objects/workspace/object.ts";

export default app;
