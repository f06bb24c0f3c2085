import { describeClients } from "./clients.ts";
import { NEWEST } from "./versions.ts";

describeClients(NEWEST);
