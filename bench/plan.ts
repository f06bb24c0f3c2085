/** What is measured, how much of it, and what each measure is. */
import type { Client } from "sluice/client";
import type { Finding } from "./measure.ts";
import type { World } from "./world.ts";

export interface Plan {
  loopSeconds: number;
  handovers: number;
  waiters: number;
  smallBacklog: number;
  largeBacklog: number;
  fillSeconds: number;
  claims: number;
  starts: number;
}

export const FULL: Plan = {
  loopSeconds: 5,
  handovers: 300,
  waiters: 50,
  smallBacklog: 1000,
  largeBacklog: 100_000,
  fillSeconds: 150,
  claims: 200,
  starts: 20,
};
/** Shows that everything runs; its numbers mean little. */
export const QUICK: Plan = {
  loopSeconds: 2.5,
  handovers: 20,
  waiters: 5,
  smallBacklog: 20,
  largeBacklog: 200,
  fillSeconds: 20,
  claims: 10,
  starts: 2,
};
export const CLIENTS = 32;

export interface Measure {
  title: string;
  run(world: World, client: Client, plan: Plan): Promise<Finding[]>;
}
