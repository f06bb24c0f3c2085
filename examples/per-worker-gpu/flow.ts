/**
 * Three steps for one image: download, infer on a GPU of this machine, save.
 *
 * Any number of these run at the same time on a machine. Only the inference needs a GPU, so only the inference asks for
 * one: the limit `gpu:<worker>` has as many slots as the machine has GPUs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { concurrency, flow, log, task } from "sluice/client";

/** The agent says on which machine this runs. */
const workerId = process.env["WORKER_ID"] ?? "gpu-1";

interface Parameters {
  image_id: number;
  download_seconds?: number;
  infer_seconds?: number;
  save_seconds?: number;
}

const download = task(
  async (imageId: number, seconds: number) => {
    await sleep(seconds * 1000);
    return `image ${imageId}`;
  },
  { name: "download", retries: 2, retryDelaySeconds: 1 },
);

const infer = task(
  async (image: string, seconds: number, signal: AbortSignal) => {
    await sleep(seconds * 1000, undefined, { signal });
    return `labels of ${image}`;
  },
  { name: "infer" },
);

const save = task(
  async (labels: string, seconds: number) => {
    await sleep(seconds * 1000);
    return `saved ${labels}`;
  },
  { name: "save", retries: 2, retryDelaySeconds: 1 },
);

const processImage = flow(
  async ({ image_id, download_seconds = 1, infer_seconds = 3, save_seconds = 0.5 }: Parameters) => {
    const image = await download(image_id, download_seconds);
    log.info(`Downloaded ${image}; it waits for a GPU of ${workerId}`);

    const { labels, ...held } = await concurrency(`gpu:${workerId}`, { occupy: 1 }, async (lease) => {
      const held_from = now();
      log.info(`Inference of ${image} begins on ${workerId}`);
      const labels = await infer(image, infer_seconds, lease.signal);
      log.info(`Inference of ${image} ends on ${workerId}`);
      return { labels, held_from, held_until: now() };
    });

    log.info(await save(labels, save_seconds));
    return { image_id, worker_id: workerId, ...held };
  },
  { name: "process-image" },
);

/** Milliseconds since the epoch, by the clock of this machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

await processImage();
