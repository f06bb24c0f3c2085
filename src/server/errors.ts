/** A reason why the server cannot run, written as one sentence for the person who started it. */
export class ServerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ServerError";
  }
}
