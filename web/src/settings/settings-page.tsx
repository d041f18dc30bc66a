import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client";
import { useMay } from "../api/me";
import { keys } from "../api/queries";
import type { Project } from "../api/types";
import { Button } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { PageHead } from "../ui/page-head";
import { Failed, Skeleton } from "../ui/states";
import { ProjectForm } from "./project-form";
import { projectQuery } from "./project-query";

export function SettingsPage() {
  const { project } = useParams({ from: "/projects/$project/settings" });
  const found = useQuery(projectQuery(project));
  return (
    <>
      <title>Settings · Graphwright</title>
      <PageHead title="Settings" />
      {found.isPending && <Skeleton />}
      {found.isError && !found.data && <Failed error={found.error} retry={() => void found.refetch()} what="this project" />}
      {found.data && (
        <div className="mx-auto w-full max-w-2xl space-y-8 px-5 py-6">
          <ProjectForm key={found.data.id} project={found.data} />
          <Danger project={found.data} />
        </div>
      )}
    </>
  );
}

function Danger({ project }: { project: Project }) {
  const { server } = useMay();
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => api.DELETE("/projects/{project_id}", { params: { path: { project_id: project.id } } }),
    onSuccess: async () => {
      await navigate({ to: "/", search: { all: true } });
      client.removeQueries({ queryKey: ["projects", project.id] });
      await client.invalidateQueries({ queryKey: keys.projects });
    },
  });
  return (
    <section aria-label="Delete the project" className="flex flex-wrap items-center gap-4 rounded-xl border border-failed/30 p-4">
      <div className="min-w-0 grow basis-64">
        <h2 className="font-semibold">Delete the project</h2>
        <p className="text-ink-2">With its workflows, runs, keys and everything else. It cannot be taken back.</p>
        {!server && <p className="mt-1 text-xs text-ink-3">This needs the server’s admin key.</p>}
      </div>
      <Button kind="danger" icon="trash" disabled={!server} title={server ? undefined : "This needs the server’s admin key."} onClick={() => setAsking(true)}>
        Delete…
      </Button>
      {asking && (
        <Confirm open onOpenChange={setAsking} title={`Delete “${project.name}”?`} action="Delete the project" typed={project.name} busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
          <p>Everything in it goes: workflows with their versions, runs with their results and logs, schedules, webhooks and keys.</p>
        </Confirm>
      )}
    </section>
  );
}
