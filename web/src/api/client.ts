import createClient, { type Middleware } from "openapi-fetch";
import { apiKey, authorization } from "./key";
import type { paths } from "./schema";
import type { Json, Told } from "./types";

export const BASE = "/api/v1";

export interface ProblemItem {
  code: string;
  pointer?: string;
  node_id?: string;
  /** Index of the edge that it is about. */
  edge?: number;
  message: string;
}

/** An answer of the server that is not a success, with its problem document where it sent one. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly items: ProblemItem[] = [],
  ) {
    super(message);
  }
}

/** The paths of the API as the client takes them: without `/api/v1`. */
type ApiPaths = { [P in keyof paths as P extends `${typeof BASE}${infer Rest}` ? Rest : never]: paths[P] };

const manners: Middleware = {
  onRequest({ request }) {
    request.headers.set("Accept", "application/json");
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
  },
  async onResponse({ request, response }) {
    if (!response.ok) throw await problem(response, keyOf(request));
  },
  onError({ request, error }) {
    if (request.signal.aborted && error instanceof Error) return error;
    return new ApiError(0, "unreachable", "The server cannot be reached.");
  },
};

/** Every operation of the API by its method and path, typed by the server's own description; throws ApiError. */
export const api = createClient<ApiPaths>({
  baseUrl: (globalThis.location?.origin ?? "http://localhost") + BASE,
  fetch: (request) => fetch(request),
});
api.use(manners);

/** What the server has answered; refusals have been thrown by then. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<Told<T>> {
  return (await answer).data as Told<T>;
}

/** The header of a request that makes something: with the same key it is made once. */
export const once = (key: string = freshKey()) => ({ "idempotency-key": key });

/** An image that the server gives to those with the key only, as an address for an img. */
export async function image(url: string, signal: AbortSignal): Promise<string> {
  const key = apiKey.get();
  const response = await fetch(url, { headers: authorization(), signal });
  if (!response.ok) throw await problem(response, key);
  return `data:${response.headers.get("Content-Type")},${encodeURIComponent(await response.text())}`;
}

function keyOf(request: Request): string | null {
  return request.headers.get("Authorization")?.replace("Bearer ", "") ?? null;
}

async function problem(response: Response, key: string | null): Promise<ApiError> {
  if (response.status === 401) apiKey.refused(key);
  const body = (await response.json().catch(() => null)) as {
    title?: string;
    detail?: string;
    code?: string;
    errors?: ProblemItem[];
  } | null;
  const message = body?.detail || body?.title || `The server answered ${response.status}.`;
  return new ApiError(response.status, body?.code ?? `http_${response.status}`, message, body?.errors ?? []);
}

/** A fresh Idempotency-Key; randomUUID needs a secure context, a plain http address has none. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function curl(method: string, path: string, body?: Json): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -X ${method} ${quote(location.origin + BASE + path)}`];
  if (apiKey.get()) lines.push(`-H "Authorization: Bearer $GRAPHWRIGHT_KEY"`);
  if (body !== undefined) lines.push(`-H 'Content-Type: application/json'`, `-d ${quote(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}
