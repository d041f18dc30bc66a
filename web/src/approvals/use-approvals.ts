import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { approvalsQuery } from "../api/approvals";
import { followProject } from "../api/follow-project";
import type { FeedConnection } from "../stream/project-feed";

const REFRESH_MS = 400;
/** What may begin or end the wait for an answer. */
const TELLING = /^workflow\.(node\.(waiting|completed|failed|cancelled)|run\.(resumed|completed|failed|cancelled))$/;

/** The approvals that wait, asked for again whenever the project's events may have changed them. */
export function useApprovals(project: string) {
  const client = useQueryClient();
  const [connection, setConnection] = useState<FeedConnection>("connecting");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      timer = undefined;
      void client.invalidateQueries({ queryKey: approvalsQuery(project).queryKey });
    };
    const soon = () => {
      timer ??= setTimeout(refresh, REFRESH_MS);
    };
    const unfollow = followProject(project, {
      onEvent: (event) => TELLING.test(event.type) && soon(),
      onConnection: (next) => {
        setConnection(next);
        soon();
      },
    });
    return () => {
      unfollow();
      clearTimeout(timer);
    };
  }, [client, project]);
  return { approvals: useInfiniteQuery(approvalsQuery(project)), connection };
}
