import { useEffect, useId, useState } from "react";
import { CONTROL, Select } from "../../ui/field";
import { isObject, type RawNode } from "../document";
import { configFields } from "./config-fields";
import { PlaceContext } from "./exactly";
import { FieldRow } from "./field-row";
import { foreign } from "./groups";
import { JsonField } from "./json-field";
import { BEHAVIOUR, foreignKeys, LABELS, WRITES } from "./node-fields";
import { Others, Part, Rows } from "./parts";
import { Prose } from "./prose";
import { Tabs } from "./tabs";
import { problemsAt, StandingContext, useForm } from "./scope";
import { useWanted } from "./spotlight";
import type { Path } from "./values";

interface Props {
  node: RawNode;
  index: number;
  set: (path: Path, value: unknown, what: string) => void;
  onRename: (id: string) => void;
}

/** Everything that can be said of a node. */
export function NodeForm({ node, index, set, onRename }: Props) {
  const { problems, catalog } = useForm();
  const [tab, choose] = useState("parameters");
  const path: Path = ["nodes", index];
  const pointer = `/nodes/${index}`;
  const type = catalog.nodeTypes.find((one) => one.name === node.type);
  const count = (keys: string[]) => problems.filter((one) => keys.some((key) => one.pointer === `${pointer}/${key}` || one.pointer.startsWith(`${pointer}/${key}/`))).length;
  const behaviour = [...LABELS, ...BEHAVIOUR].map(({ key }) => key);
  const standing = { node: node.id, after: false, inMap: false };
  const tabs = [
    { id: "parameters", title: "Parameters", problems: count(["config", "type"]) },
    { id: "settings", title: "Settings", problems: count([...behaviour, "id", "writes", "metadata", ...foreignKeys(node)]) },
    { id: "source", title: "Source", problems: 0 },
  ];
  const wanted = useWanted();
  useEffect(() => {
    if (wanted?.pointer.startsWith(`${pointer}/`)) choose(/^\/(config|type)(\/|$)/.test(wanted.pointer.slice(pointer.length)) ? "parameters" : "settings");
  }, [wanted, pointer]);
  return (
    <Tabs tabs={tabs} chosen={tab} onChoose={choose}>
      <StandingContext.Provider value={standing}>
        {problemsAt(problems, pointer, false).map((message) => (
          <p key={message} role="alert" className="mb-4 rounded-lg bg-failed-soft px-3 py-2 text-xs text-failed">
            {message}
          </p>
        ))}
        {tab === "parameters" && <Parameters node={node} path={path} set={set} />}
        {tab === "settings" && (
          <div className="space-y-5">
            <Part title="Names">
              <Id key={node.id} id={node.id} pointer={`${pointer}/id`} messages={problemsAt(problems, `${pointer}/id`, true)} onRename={onRename} />
              <Type node={node} known={type !== undefined} onChange={(next) => set([...path, "type"], next, "Type")} />
              <Rows fields={LABELS} whole={node} path={path} set={set} />
            </Part>
            <Part title="When and how it runs">
              <Rows fields={BEHAVIOUR} whole={node} path={path} set={set} />
            </Part>
            <Part title="Shared state">
              <StandingContext.Provider value={{ ...standing, after: true }}>
                <Rows fields={[WRITES]} whole={node} path={path} set={set} />
              </StandingContext.Provider>
            </Part>
            <Others keys={foreignKeys(node)} whole={node} path={path} set={set} />
          </div>
        )}
        {tab === "source" && (
          <PlaceContext value={path}>
            <Whole node={node} onChange={(next) => set(path, next, "Source")} />
          </PlaceContext>
        )}
      </StandingContext.Provider>
    </Tabs>
  );
}

function Parameters({ node, path, set }: { node: RawNode; path: Path; set: Props["set"] }) {
  const { problems, catalog } = useForm();
  const type = catalog.nodeTypes.find((one) => one.name === node.type);
  const at = [...path, "config"];
  const unknown = problemsAt(problems, `/nodes/${String(path[1])}/type`, true);
  if (!type || (node.config !== undefined && !isObject(node.config))) {
    return (
      <div className="space-y-4">
        {!type && <p className="text-ink-2">{unknown[0] ?? `There is no node type “${node.type}” on this server.`}</p>}
        <FieldRow field={{ ...foreign("config"), title: "Config" }} value={node.config} path={at} onChange={(value) => set(at, value, "Config")} />
      </div>
    );
  }
  const config = node.config ?? {};
  const fields = configFields(type, config, catalog);
  const known = new Set(fields.map(({ key }) => key));
  const rest = Object.keys(config).filter((key) => !known.has(key));
  return (
    <div className="space-y-4">
      <p className="text-xs text-ink-2">
        <Prose>{type.description.split("\n\n")[0] ?? ""}</Prose>
      </p>
      {problemsAt(problems, `/nodes/${String(path[1])}/config`, false).map((message) => (
        <p key={message} role="alert" className="text-xs text-failed">
          {message}
        </p>
      ))}
      {fields.length + rest.length === 0 && <p className="text-ink-2">Nodes of this type have no parameters.</p>}
      <Rows fields={[...fields, ...rest.map(foreign)]} whole={config} path={at} set={set} />
    </div>
  );
}

function Type({ node, known, onChange }: { node: RawNode; known: boolean; onChange: (type: string) => void }) {
  const { catalog, readOnly } = useForm();
  return (
    <label className="block">
      <span className="mb-1 block text-[12.5px] font-medium">Type</span>
      <Select value={node.type} disabled={readOnly} onChange={(event) => onChange(event.target.value)} className="w-full">
        {!known && <option value={node.type}>{node.type}</option>}
        {catalog.nodeTypes.map((type) => (
          <option key={type.name} value={type.name}>
            {type.title || type.name}
          </option>
        ))}
      </Select>
    </label>
  );
}

/** The id of a node; a new one is given to all that mean the node, once it is written to its end. */
function Id({ id, pointer, messages, onRename }: { id: string; pointer: string; messages: string[]; onRename: (id: string) => void }) {
  const { doc, readOnly } = useForm();
  const field = useId();
  const [draft, setDraft] = useState(id);
  const taken = draft !== id && doc.nodes.some((node) => node.id === draft);
  const trouble = taken ? "Another node has this id." : draft === "" ? "A node needs an id." : messages[0];
  const done = () => {
    if (draft !== id && draft !== "" && !taken) onRename(draft);
    else setDraft(id);
  };
  return (
    <div data-pointer={pointer}>
      <label htmlFor={field} className="mb-1 block text-[12.5px] font-medium">
        Id
      </label>
      <input
        id={field}
        aria-describedby={`${field}-note`}
        value={draft}
        readOnly={readOnly}
        maxLength={128}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={trouble !== undefined}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key === "Enter") done();
          if (event.key === "Escape") setDraft(id);
        }}
        className={`${CONTROL} h-8 font-mono text-xs read-only:bg-sunken`}
      />
      <p id={`${field}-note`} className={`mt-1 text-xs ${trouble ? "text-failed" : "text-ink-3"}`}>
        {trouble ?? "Expressions call the node so; they change with it."}
      </p>
    </div>
  );
}

/** The node as JSON, with everything that stands in it. */
function Whole({ node, onChange }: { node: RawNode; onChange: (next: RawNode) => void }) {
  const [trouble, setTrouble] = useState<string | null>(null);
  const change = (next: unknown) => {
    const right = isObject(next) && next.id === node.id && typeof next.type === "string";
    setTrouble(right ? null : "A node is an object with its type and its id; a new id is given under Settings.");
    if (right) onChange(next as RawNode);
  };
  return (
    <div>
      <span id="whole-node" className="sr-only">
        The node as JSON
      </span>
      <JsonField value={node} onChange={change} holds="literal" labelledBy="whole-node" describedBy="whole-node-note" invalid={trouble !== null} />
      <p id="whole-node-note" className={`mt-1 text-xs ${trouble ? "text-failed" : "text-ink-3"}`}>
        {trouble ?? "Everything that the document says of this node."}
      </p>
    </div>
  );
}
