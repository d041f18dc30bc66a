import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, once } from "../api/client";
import { keys, pictureQuery, templatesQuery } from "../api/queries";
import type { Template } from "../api/types";
import { Start } from "../runs/start";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { Later, later } from "../ui/later";
import { ErrorBox } from "../ui/states";

const LargePicture = later(() => import("./large-picture"), "LargePicture");

/** What one can begin with: one click takes a template up and asks for the input, a second starts it. */
export function Templates({ project, compact = false }: { project: string; compact?: boolean }) {
  const templates = useQuery(templatesQuery());
  const items = templates.data?.items ?? [];
  if (templates.isError) return <ErrorBox error={templates.error} retry={() => void templates.refetch()} />;
  if (items.length === 0) return null;
  return (
    <section aria-label="Templates" className={compact ? "" : "mx-auto w-full max-w-5xl px-5 pb-12"}>
      <h2 className="mb-3 text-xs font-semibold text-ink-3">Templates</h2>
      <ul className={`grid gap-3 ${compact || items.length === 1 ? "" : "sm:grid-cols-2"}`}>
        {items.map((template) => (
          <TemplateCard key={template.id} project={project} template={template} />
        ))}
      </ul>
    </section>
  );
}

function TemplateCard({ project, template }: { project: string; template: Template }) {
  const client = useQueryClient();
  const [starting, setStarting] = useState(false);
  const use = useMutation({
    mutationFn: () => {
      const params = { path: { project_id: project }, header: once() };
      return data(api.POST("/projects/{project_id}/workflows", { params, body: { template: template.id } }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.workflows(project) }),
  });
  return (
    <li className="flex flex-col rounded-xl border border-line bg-surface p-4 shadow-card">
      <Picture template={template} />
      <h3 className="mt-3 font-semibold">{template.name}</h3>
      <p className="mt-1 mb-4 line-clamp-3 grow text-ink-2">{template.description}</p>
      {use.isError && <ErrorBox error={use.error} />}
      <div className="flex flex-wrap items-center gap-2">
        {!use.data && (
          <Button kind="primary" icon="runs" busy={use.isPending} needs="editor" onClick={() => use.mutate(undefined, { onSuccess: () => setStarting(true) })}>
            Run it
          </Button>
        )}
        {use.data ? (
          <Button kind="primary" icon="runs" needs="runner" onClick={() => setStarting(true)}>
            Start run
          </Button>
        ) : (
          <Button icon="plus" busy={use.isPending} needs="editor" onClick={() => use.mutate()}>
            Use template
          </Button>
        )}
        {use.data && (
          <span role="status" className="flex items-center gap-1.5 text-xs text-completed">
            <Icon name="check" size={13} /> Added as a workflow
          </span>
        )}
      </div>
      {use.data && starting && <Start project={project} workflow={use.data.id} onClose={() => setStarting(false)} />}
    </li>
  );
}

/** The template's graph, small; pressed, it is shown as large as it fits. */
function Picture({ template }: { template: Template }) {
  const [large, setLarge] = useState(false);
  const picture = useQuery(pictureQuery(template.picture));
  const name = `Graph of ${template.name}`;
  if (picture.isError) return null;
  return (
    <>
      <button type="button" aria-label={`Enlarge: ${name}`} onClick={() => setLarge(true)} className="-mx-1 flex h-36 items-center justify-center overflow-hidden rounded-lg hover:bg-hover">
        {picture.data && <img src={picture.data} alt={name} className="max-h-full max-w-full" />}
      </button>
      {large && picture.data && (
        <Later instead={null}>
          <LargePicture title={template.name} name={name} source={picture.data} onClose={() => setLarge(false)} />
        </Later>
      )}
    </>
  );
}
