/** A sentence of the server, with what stands in backticks as code. */
export function Prose({ children }: { children: string }) {
  return children.split("`").map((part, index) => (index % 2 === 0 ? part : <code key={index} className="rounded bg-sunken px-1 font-mono text-[11px]">{part}</code>));
}
