import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Navigate, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, data, once } from "../api/client";
import { useMay } from "../api/me";
import { keys, projectsQuery } from "../api/queries";
import type { Project } from "../api/types";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { Icon, Logo } from "../ui/icons";
import { ErrorBox, Skeleton } from "../ui/states";
import { ago } from "../ui/time";
import { useNow } from "../ui/use-now";

export function ProjectsPage() {
  const { all } = useSearch({ from: "/" });
  const projects = useQuery(projectsQuery());
  const items = projects.data?.items;
  const only = items?.length === 1 ? items[0] : undefined;
  if (only && !all) return <Navigate to="/projects/$project/runs" params={{ project: only.id }} replace />;
  return (
    <div className="mx-auto w-full max-w-2xl px-5 py-14">
      <title>Projects · Graphwright</title>
      <Logo size={40} />
      <h1 className="mt-5 text-2xl font-semibold tracking-[-0.02em]">{items?.length === 0 ? "Welcome to Graphwright" : "Projects"}</h1>
      <p className="mt-1 mb-8 text-ink-2">Store a graph, run it durably, watch it live. A project keeps workflows and their runs together.</p>
      {projects.isPending && <Skeleton rows={3} />}
      {projects.isError && !items && <ErrorBox error={projects.error} retry={() => void projects.refetch()} />}
      {items && items.length > 0 && <ProjectList items={items} />}
      {items && <CreateProject first={items.length === 0} />}
    </div>
  );
}

function ProjectList({ items }: { items: Project[] }) {
  const now = useNow(30_000);
  return (
    <ul className="mb-8 divide-y divide-line overflow-hidden rounded-xl border border-line shadow-card">
      {items.map((project) => (
        <li key={project.id}>
          <Link to="/projects/$project/runs" params={{ project: project.id }} className="flex items-center gap-3 px-4 py-3 -outline-offset-2 hover:bg-hover">
            <Icon name="projects" className="text-ink-3" />
            <span className="truncate font-medium">{project.name}</span>
            <span className="ml-auto shrink-0 text-xs text-ink-3">created {ago(project.created_at, now)}</span>
            <Icon name="chevron" size={13} className="text-ink-3" />
          </Link>
        </li>
      ))}
    </ul>
  );
}

function CreateProject({ first }: { first: boolean }) {
  const [name, setName] = useState(first ? "My project" : "");
  const client = useQueryClient();
  const navigate = useNavigate();
  const { server } = useMay();
  const create = useMutation({
    mutationFn: () => data(api.POST("/projects", { params: { header: once() }, body: { name: name.trim() } })),
    onSuccess: async (project) => {
      await client.invalidateQueries({ queryKey: keys.projects });
      await navigate({ to: "/projects/$project/runs", params: { project: project.id } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (!server) return <p className="text-ink-2">Projects are made with the server’s admin key; yours opens {first ? "none" : "this one"}.</p>;
  return (
    <form onSubmit={submit} className="space-y-3">
      <div className="flex items-end gap-2">
        <div className="grow">
          <Field label={first ? "Name your first project" : "New project"} placeholder="Data quality" value={name} onChange={(event) => setName(event.target.value)} maxLength={200} required />
        </div>
        <Button type="submit" kind="primary" icon="plus" busy={create.isPending} disabled={name.trim() === ""} className="!h-9">
          Create project
        </Button>
      </div>
      {create.isError && <ErrorBox error={create.error} />}
    </form>
  );
}
