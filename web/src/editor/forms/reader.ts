import type { QueryClient } from "@tanstack/react-query";
import { nodeQuery, runQuery } from "../../api/queries";
import { type GraphDoc, isObject } from "../document";
import { type Cue, fieldsIn, type Suggestion } from "./completion";
import { nameOf } from "./expressions";
import type { Standing } from "./scope";
import { inputShape, merged, outputShape } from "./shapes";
import { upstreamOf } from "./upstream";
import { valueAt } from "./values";

const KEPT = { staleTime: 60_000, gcTime: 300_000, retry: false };

/** Reads what expressions would see, out of the graph and of a run of it, as far as there is one. */
export class Reader {
  constructor(
    private readonly client: QueryClient,
    private readonly project: string,
    private readonly run: string | null,
    private readonly doc: GraphDoc,
  ) {}

  /** What can be written behind a path; without one, all that can be read at a place. */
  async suggestions(cue: Cue & { kind: "member" | "key" }, standing: Standing): Promise<Suggestion[]> {
    if (cue.path.length === 0) return this.roots(standing);
    return fieldsIn(await this.value(cue.path, standing), cue);
  }

  private roots({ node, after, inMap }: Standing): Suggestion[] {
    const types = new Map(this.doc.nodes.map((one) => [one.id, one]));
    const names = node === null ? [] : upstreamOf(this.doc, node);
    const nodes = names.map((id): Suggestion => ({ label: nameOf(id), detail: String(types.get(id)?.name ?? types.get(id)?.type ?? ""), kind: "node" }));
    const words: [string, string, boolean][] = [
      ["output", "what this node gives", after],
      ["item", "of the map", inMap],
      ["index", "of the item, from 0", inMap],
      ["input", "of the run", true],
      ["state", "shared by all nodes", isObject(this.doc.state)],
      ["nodes", "by any id", names.length > 0],
      ["run", "id, attempt", true],
      ["loop", "iteration, from 0", true],
      ["secrets", "never stored or shown", !after],
    ];
    return [...nodes, ...words.filter(([, , there]) => there).map(([label, detail]): Suggestion => ({ label, detail, kind: "word" }))];
  }

  private async value([root, ...rest]: readonly (string | number)[], standing: Standing): Promise<unknown> {
    const known = standing.node === null ? [] : upstreamOf(this.doc, standing.node);
    if (root === "nodes") {
      if (rest.length === 0) return Object.fromEntries(known.map((id) => [id, { type: this.doc.nodes.find((one) => one.id === id)?.type }]));
      return valueAt(await this.node(String(rest[0])), rest.slice(1));
    }
    return valueAt(await this.rooted(String(root), standing), rest);
  }

  private async rooted(root: string, { node, after, inMap }: Standing): Promise<unknown> {
    switch (root) {
      case "input":
        return merged(await this.input(), inputShape(this.doc));
      case "state":
        return isObject(this.doc.state) ? Object.fromEntries(Object.entries(this.doc.state).map(([key, said]) => [key, isObject(said) ? said.default : null])) : {};
      case "run":
        return { id: this.run ?? "", project_id: this.project, workflow_id: "", attempt: 1 };
      case "loop":
        return { iteration: 0 };
      case "output":
        return after && node !== null ? valueAt(await this.node(node), ["output"]) : undefined;
      case "item":
        return inMap && node !== null ? valueAt((await this.row(node))?.input, ["items", 0]) : undefined;
      default:
        return this.doc.nodes.some(({ id }) => id === root) ? this.node(root) : undefined;
    }
  }

  private async node(id: string): Promise<unknown> {
    const type = this.doc.nodes.find((one) => one.id === id)?.type ?? "";
    const row = await this.row(id);
    const output = row?.status === "COMPLETED" ? row.output : undefined;
    return { output: merged(output, outputShape(type)), status: row?.status ?? "PENDING", error: row?.error ?? { type: "", message: "" } };
  }

  /** The last turn of a node in the run; undefined where it has had none. */
  private async row(id: string) {
    if (this.run === null) return undefined;
    try {
      return (await this.client.fetchQuery({ ...nodeQuery(this.project, this.run, id, 0), ...KEPT })).at(-1);
    } catch {
      return undefined; // the node is younger than the run: there is nothing to offer
    }
  }

  private async input(): Promise<unknown> {
    if (this.run === null) return undefined;
    try {
      return (await this.client.fetchQuery({ ...runQuery(this.project, this.run), staleTime: 60_000 })).input;
    } catch {
      return undefined; // the run is no longer kept
    }
  }
}
