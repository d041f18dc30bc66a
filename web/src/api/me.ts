import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, data } from "./client";
import type { components } from "./schema";
import type { Role } from "./types";

export type Me = components["schemas"]["CallerOut"];

const RANK: Record<Role, number> = { viewer: 1, runner: 2, editor: 3, admin: 4 };

export const meQuery = () =>
  queryOptions({ queryKey: ["me"], queryFn: ({ signal }): Promise<Me> => data(api.GET("/me", { signal })), staleTime: 60_000 });

/** What the key of this browser may do. Nothing is refused here before the server has told: it decides anyway. */
export function useMay(): { may: (role: Role) => boolean; server: boolean; me: Me | undefined } {
  const { data: me } = useQuery(meQuery());
  return {
    me,
    may: (role) => !me || RANK[me.role] >= RANK[role],
    server: !me || (me.project_id === null && me.role === "admin"),
  };
}

/** Why something is off that needs a role; nothing where it may be done. */
export function useWhyNot(role: Role): string | undefined {
  return useMay().may(role) ? undefined : needs(role);
}

/** Why a button is off: the role that it needs. */
export function needs(role: Role, what = "This"): string {
  return `${what} needs a key with the role ${role}.`;
}
