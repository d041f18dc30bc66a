import type { IconName } from "../ui/icons";

export interface Place {
  to: `/projects/$project/${"runs" | "workflows" | "approvals" | "catalog" | "workers" | "keys" | "settings"}`;
  text: string;
  icon: IconName;
  /** Begins another group. */
  apart?: boolean;
  /** Shows how many approvals wait. */
  counts?: boolean;
}

/** Where one can go inside a project. */
export const PLACES: readonly Place[] = [
  { to: "/projects/$project/runs", text: "Runs", icon: "runs" },
  { to: "/projects/$project/workflows", text: "Workflows", icon: "workflows" },
  { to: "/projects/$project/approvals", text: "Approvals", icon: "inbox", counts: true },
  { to: "/projects/$project/catalog", text: "Node types", icon: "blocks", apart: true },
  { to: "/projects/$project/workers", text: "Workers", icon: "workers" },
  { to: "/projects/$project/keys", text: "API keys", icon: "key" },
  { to: "/projects/$project/settings", text: "Settings", icon: "settings" },
];

/** How many of them a phone's bar holds; the others are in its menu. */
export const ON_A_PHONE = 3;
