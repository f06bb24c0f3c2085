import { describeClients } from "./clients.ts";

describeClients("3.4.18");
