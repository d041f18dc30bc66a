import { useId } from "react";
import { Select } from "../../ui/field";
import { Icon } from "../../ui/icons";
import { isObject, type RawEdge, type RawNode } from "../document";
import { type EdgeKind, kindOf, withKind } from "./edge-kinds";
import { FieldRow } from "./field-row";
import type { Field } from "./fields";
import { foreignToEdge, LABELS } from "./node-fields";
import { Others, Part, Rows } from "./parts";
import { problemsAt, StandingContext, useForm } from "./scope";
import type { Path } from "./values";

const KINDS: [EdgeKind, string][] = [
  ["always", "Always, when the node has completed"],
  ["condition", "If a condition is true"],
  ["else", "Else: if no other condition is"],
  ["branch", "If a branch is chosen"],
  ["error", "If the node has failed"],
];

const CONDITION: Field = { key: "condition", title: "Condition", hint: "An expression without braces; output is what the node gives.", required: true, initial: undefined, role: "expression", control: { kind: "text", long: false } };
const BRANCH: Field = { key: "branch", title: "Branch", hint: null, required: true, initial: undefined, role: "literal", control: { kind: "text", long: false } };
const AS_JSON: Field = { ...BRANCH, hint: "An edge has one of condition, branch and on; this one has several.", control: { kind: "any" } };

interface Props {
  edge: RawEdge;
  index: number;
  set: (path: Path, value: unknown, what: string) => void;
}

/** When an edge is taken. */
export function EdgeForm({ edge, index, set }: Props) {
  const { doc, problems, readOnly } = useForm();
  const id = useId();
  const path: Path = ["edges", index];
  const source = doc.nodes.find((node) => node.id === edge.source);
  const branches = branchesOf(source);
  const kind = kindOf(edge);
  const offered = KINDS.filter(([one]) => one !== "branch" || branches.length > 0 || kind === "branch");
  return (
    <div className="space-y-5 p-4">
      <header className="flex min-w-0 items-center gap-2 text-[15px] font-semibold">
        <span className="min-w-0 truncate">{labelOf(source, edge.source)}</span>
        <Icon name="chevron" size={14} className="text-ink-3" />
        <span className="min-w-0 truncate">{labelOf(doc.nodes.find((node) => node.id === edge.target), edge.target)}</span>
      </header>
      {[...problemsAt(problems, `/edges/${index}`, false), ...problemsAt(problems, `/edges/${index}/source`, true), ...problemsAt(problems, `/edges/${index}/target`, true)].map((message) => (
        <p key={message} role="alert" className="rounded-lg bg-failed-soft px-3 py-2 text-xs text-failed">
          {message}
        </p>
      ))}
      <Part title="When it is taken">
        <div>
          <label htmlFor={id} className="sr-only">
            When it is taken
          </label>
          <Select id={id} value={kind} disabled={readOnly} onChange={(event) => set(path, withKind(edge, event.target.value as EdgeKind, branches), "Kind of edge")} className="w-full">
            {kind === "several" && <option value="several">Says several things at once</option>}
            {offered.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </Select>
        </div>
        <StandingContext.Provider value={{ node: edge.source, after: true, inMap: false }}>
          {kind === "condition" && <Rows fields={[CONDITION]} whole={edge} path={path} set={set} />}
          {kind === "branch" && <Branch edge={edge} path={path} set={set} names={branches} />}
          {kind === "several" && <FieldRow field={AS_JSON} value={edge} path={path} onChange={(value) => isObject(value) && set(path, value, "JSON")} />}
        </StandingContext.Provider>
      </Part>
      <Part title="Label">
        <Rows fields={LABELS.filter(({ key }) => key === "name")} whole={edge} path={path} set={set} />
      </Part>
      <Others keys={foreignToEdge(edge)} whole={edge} path={path} set={set} />
    </div>
  );
}

function Branch({ edge, path, set, names }: Omit<Props, "index"> & { path: Path; names: string[] }) {
  const control: Field["control"] = names.length > 0 && (edge.branch === "" || names.includes(String(edge.branch))) ? { kind: "choice", options: names } : { kind: "text", long: false };
  return <Rows fields={[{ ...BRANCH, control }]} whole={edge} path={path} set={set} />;
}

function labelOf(node: RawNode | undefined, id: string): string {
  return typeof node?.name === "string" && node.name !== "" ? node.name : id;
}

/** The names that a condition node chooses from. */
function branchesOf(node: RawNode | undefined): string[] {
  const config = isObject(node?.config) ? node.config : {};
  const listed = Array.isArray(config.branches) ? config.branches.map((branch: unknown) => (isObject(branch) ? branch.name : undefined)) : [];
  const names = [...listed, config.default].filter((name): name is string => typeof name === "string" && name !== "");
  return node?.type === "condition" ? [...new Set(names)] : [];
}
