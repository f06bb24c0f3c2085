import { describeClients } from "./clients.ts";

describeClients("3.8.8");
