import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, api, data, once } from "./client";

const asked: Request[] = [];

function answer(give: (request: Request) => Response | Promise<Response>): void {
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(request);
    return give(request);
  });
}

const project = { params: { path: { project_id: "a/b" } } };

describe("the client of the API", () => {
  beforeEach(() => {
    asked.length = 0;
    vi.stubGlobal("localStorage", { getItem: () => "gw_secret" });
  });
  afterEach(() => void vi.unstubAllGlobals());

  it("asks with the key, encoded names and a key for what is made once", async () => {
    answer(() => Response.json({ id: "1" }, { status: 201 }));
    const body = { template: "double" };
    const made = await data(api.POST("/projects/{project_id}/workflows", { params: { ...project.params, header: once("k1") }, body }));
    expect(made.id).toBe("1");
    const [request] = asked;
    expect(new URL(request!.url).pathname).toBe("/api/v1/projects/a%2Fb/workflows");
    expect(Object.fromEntries(request!.headers)).toMatchObject({ authorization: "Bearer gw_secret", "idempotency-key": "k1", accept: "application/json" });
    expect(await request!.json()).toEqual(body);
  });

  it("[UI-41] throws a refusal with its code, sentence and problems", async () => {
    const errors = [{ code: "unknown_node", pointer: "/edges/0", edge: 0, message: "There is no b." }];
    answer(() => Response.json({ title: "Refused", detail: "The graph has a problem.", code: "invalid_graph", errors }, { status: 422 }));
    const refused = data(api.GET("/projects/{project_id}", project));
    await expect(refused).rejects.toMatchObject({ status: 422, code: "invalid_graph", message: "The graph has a problem.", items: errors });
    answer(() => new Response("Bad gateway", { status: 502 }));
    await expect(data(api.GET("/templates"))).rejects.toMatchObject({ status: 502, code: "http_502", message: "The server answered 502." });
  });

  it("[UI-41] tells an answer that does not come from a request that was taken back", async () => {
    answer(() => Promise.reject(new TypeError("fetch failed")));
    await expect(data(api.GET("/templates"))).rejects.toMatchObject({ status: 0, code: "unreachable" });
    const abort = new AbortController();
    answer((request) => {
      request.signal.throwIfAborted();
      return Response.json({ items: [] });
    });
    const taken = data(api.GET("/templates", { signal: abort.signal }));
    abort.abort();
    await expect(taken).rejects.toSatisfy((error: unknown) => !(error instanceof ApiError));
  });
});
