import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";
import type { Stats } from "../api/types";

const PACE_MS = 3_000;

/** Workers, queues and figures: of the server, and the runs of the key's project where it is of one. */
export const statsQuery = () =>
  queryOptions({
    queryKey: ["stats"],
    queryFn: ({ signal }): Promise<Stats> => data(api.GET("/stats", { signal })),
    refetchInterval: PACE_MS,
  });
