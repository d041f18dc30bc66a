async ([count, rounds]) => {
  const { EventLog, FrameParser, reduceAll, EMPTY } = await import("/stream/index.js");
  const NODES = 1000;
  const STEPS = ["started", "token", "progress", "completed"];

  const event = (seq, kind, node, data) => {
    const known = { id: `id-${seq}`, seq, type: `workflow.${kind}`, at: "2026-01-01T00:00:00Z" };
    return { ...known, project_id: "p", run_id: "r", node_id: node, data };
  };
  const events = ["created", "queued", "started"].map((step, index) => event(index + 1, `run.${step}`, null, { attempt: 1 }));
  for (let turn = 0; events.length < count - 1; turn++) {
    const node = Math.floor(turn / STEPS.length) % NODES;
    const iteration = Math.floor(turn / STEPS.length / NODES);
    const data = { iteration, attempt: 1, text: "abc", done: 1, total: 2, output: { rows: turn }, edges: { [node]: "taken" } };
    events.push(event(events.length + 1, `node.${STEPS[turn % STEPS.length]}`, `n${node}`, data));
  }
  events.push(event(count, "run.completed", null, { result: 1 }));
  const text = events.map((told) => `id: ${told.seq}\nevent: ${told.type}\ndata: ${JSON.stringify(told)}\n\n`).join("");

  const times = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    const log = new EventLog();
    const parser = new FrameParser();
    let state = EMPTY;
    for (let at = 0; at < text.length; at += 65536) {
      const read = parser.push(text.slice(at, at + 65536)).map((frame) => JSON.parse(frame.data));
      state = reduceAll(state, log.add(read));
    }
    times.push(performance.now() - begun);
    const right = log.events.length === count && state.status === "COMPLETED" && state.nodes.size === NODES;
    if (!right) throw new Error("The replay is wrong.");
  }
  return times;
}
