import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { followProject } from "../api/follow-project";
import { fetchRuns, type RunFilter, runsQuery } from "../api/queries";
import type { Page, RunEvent, RunSummary } from "../api/types";
import type { FeedConnection } from "../stream/project-feed";
import { applyRunEvent, mergeFirstPage } from "./merge";

const REFRESH_MS = 900;
const POLL_MS = 3_000;

type Loaded = InfiniteData<Page<RunSummary>, string>;

/** Keeps the loaded list of runs true: by the project's socket, and by asking while there is none. */
export function useLiveRuns(project: string, filter: RunFilter): FeedConnection {
  const client = useQueryClient();
  const [connection, setConnection] = useState<FeedConnection>("connecting");
  const { status, workflow } = filter;

  useEffect(() => {
    const shown = { status, workflow };
    const { queryKey } = runsQuery(project, shown);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let state: FeedConnection = "connecting";
    let over = false;

    const change = (update: (pages: Loaded) => Loaded) =>
      client.setQueryData<Loaded>(queryKey, (pages) => (pages ? update(pages) : pages));

    const refresh = async () => {
      timer = undefined;
      try {
        const fresh = await fetchRuns(project, shown);
        if (!over) change((pages) => mergeFirstPage(pages, fresh));
      } catch {
        // The next round asks again; the badge already says that the list is not live.
      }
    };
    const soon = () => {
      timer ??= setTimeout(() => void refresh(), REFRESH_MS);
    };
    const unfollow = followProject(project, {
      onEvent: (event: RunEvent) => {
        change((pages) => applyRunEvent(pages, event, shown));
        soon();
      },
      onConnection: (next: FeedConnection) => {
        state = next;
        setConnection(next);
        soon();
      },
    });
    const poll = setInterval(() => state !== "live" && soon(), POLL_MS);
    return () => {
      over = true;
      unfollow();
      clearInterval(poll);
      clearTimeout(timer);
    };
  }, [client, project, status, workflow]);

  return connection;
}
