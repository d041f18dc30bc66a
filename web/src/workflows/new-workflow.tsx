import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useWhyNot } from "../api/me";
import { Button, linkLook } from "../ui/button";
import { Icon } from "../ui/icons";

/** The way to an empty graph; off for those who could not save it. */
export function NewWorkflow({ project, kind, children }: { project: string; kind: "plain" | "primary"; children: ReactNode }) {
  const why = useWhyNot("editor");
  if (why) {
    return (
      <Button kind={kind} icon="plus" disabled title={why}>
        {children}
      </Button>
    );
  }
  return (
    <Link to="/projects/$project/new" params={{ project }} className={linkLook(kind)}>
      <Icon name="plus" size={15} />
      {children}
    </Link>
  );
}
