import type { Role } from "./fields";

export interface PreviewProps {
  text: string;
  role: Role;
}

/** What an expression gives, over a run. */
export function Preview({ text }: PreviewProps) {
  return text === "" ? null : null;
}
