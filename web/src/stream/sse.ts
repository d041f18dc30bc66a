export interface Frame {
  id: string;
  event: string;
  data: string;
}

/** Cuts a text/event-stream into frames; feed it chunks as they come, it keeps what is not whole yet. */
export class FrameParser {
  /** The pause before a reconnection that the server has last asked for. */
  retryMs: number | null = null;
  private rest = "";
  private id = "";
  private event = "";
  private data: string[] = [];

  push(chunk: string): Frame[] {
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    const frames: Frame[] = [];
    for (const line of lines) {
      if (line === "") this.flush(frames);
      else this.field(line);
    }
    return frames;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
    else if (name === "event") this.event = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  private flush(frames: Frame[]): void {
    if (this.data.length > 0) frames.push({ id: this.id, event: this.event || "message", data: this.data.join("\n") });
    this.event = "";
    this.data = [];
  }
}
