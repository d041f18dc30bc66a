import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data, once } from "../api/client";
import type { Role } from "../api/types";
import { Dialog } from "../ui/dialog";
import { Done } from "../ui/done";
import { Field } from "../ui/field";
import { FormEnd } from "../ui/form-end";
import { Secret } from "../ui/secret";
import { keysQuery } from "./keys-query";

const ROLES: [Role, string][] = [
  ["viewer", "looks at workflows and runs"],
  ["runner", "starts, cancels and answers runs as well"],
  ["editor", "changes workflows, schedules and webhooks as well"],
  ["admin", "changes the project and its keys as well"],
];

/** Makes a key, and shows its secret, once. */
export function KeyMaker({ project, onClose }: { project: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("runner");
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => data(api.POST("/projects/{project_id}/keys", { params: { path: { project_id: project }, header: once() }, body: { name: name.trim(), role } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keysQuery(project).queryKey }),
    gcTime: 0,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (create.data?.secret) {
    return (
      <Done title={`The key “${create.data.name}”`} description="It is sent as Authorization: Bearer." onClose={onClose}>
        <Secret secret={create.data.secret} label="key" />
      </Done>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title="New API key">
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name" placeholder="Nightly job" value={name} maxLength={200} required onChange={(event) => setName(event.target.value)} />
        <fieldset>
          <legend className="mb-1.5 font-medium">What it may do</legend>
          <div className="divide-y divide-line overflow-hidden rounded-xl border border-line">
            {ROLES.map(([value, words]) => (
              <div key={value} className="flex items-center gap-3 px-3.5 py-2 has-checked:bg-accent-soft/60">
                <input id={`role-${value}`} type="radio" name="role" checked={role === value} onChange={() => setRole(value)} className="size-4 accent-(--accent)" />
                <label htmlFor={`role-${value}`} className="grow cursor-pointer">
                  <span className="font-medium">{value}</span> <span className="text-ink-2">{words}</span>
                </label>
              </div>
            ))}
          </div>
        </fieldset>
        <FormEnd error={create.error} icon="key" busy={create.isPending} complete={name.trim() !== ""}>
          Create key
        </FormEnd>
      </form>
    </Dialog>
  );
}
