import { describeClients } from "./clients.ts";
import { OLDEST } from "./versions.ts";

describeClients(OLDEST);
