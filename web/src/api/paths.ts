const seg = encodeURIComponent;

export const paths = {
  projects: () => "/projects",
  templates: () => "/templates",
  workflows: (p: string) => `/projects/${seg(p)}/workflows`,
  workflow: (p: string, w: string) => `${paths.workflows(p)}/${seg(w)}`,
  version: (p: string, w: string, n: number) => `${paths.workflow(p, w)}/versions/${n}`,
  runs: (p: string) => `/projects/${seg(p)}/workflows/runs`,
  run: (p: string, r: string) => `${paths.runs(p)}/${seg(r)}`,
  nodes: (p: string, r: string) => `${paths.run(p, r)}/nodes`,
  node: (p: string, r: string, n: string) => `${paths.nodes(p, r)}/${seg(n)}`,
  items: (p: string, r: string) => `${paths.run(p, r)}/items`,
  events: (p: string, r: string) => `${paths.run(p, r)}/events`,
  socket: (p: string) => `/projects/${seg(p)}/ws`,
};
