/** Frames of sockets that speak Prefect's protocols: JSON objects as text. */

/** Reads a frame that is a JSON object; undefined for any other text. */
export function readFrame(message: string): Record<string, unknown> | undefined {
  try {
    const frame = JSON.parse(message) as unknown;
    return typeof frame === "object" && frame !== null && !Array.isArray(frame)
      ? (frame as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Sends a frame; false where the socket is gone. */
export function sendFrame(socket: WebSocket, frame: unknown): boolean {
  try {
    socket.send(JSON.stringify(frame));
    return true;
  } catch {
    return false;
  }
}

/** Closes with a reason that fits a close frame, which has 123 bytes for it. */
export function closeWith(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason.replaceAll(/[^ -~]/g, "?").slice(0, 120));
  } catch {
    // It is closed already.
  }
}

/** The code with which to answer a close: those that say that no frame came cannot be sent. */
export function codeToAnswer(code: number): number {
  return code === 1005 || code === 1006 || code === 1015 ? 1000 : code;
}
