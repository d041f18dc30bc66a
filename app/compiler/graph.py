"""Graph algorithms on small integers, iterative so that depth costs no stack."""

import heapq
from collections.abc import Iterable, Mapping, Sequence

Adjacency = Mapping[int, Sequence[int]]


def components(vertices: Iterable[int], successors: Adjacency) -> list[list[int]]:
    """Strongly connected components (R. Tarjan, Depth-first search and linear graph algorithms, 1972)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    found: list[list[int]] = []
    for root in vertices:
        if root in index:
            continue
        work = [(root, iter(successors.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            vertex, rest = work[-1]
            descend = None
            for successor in rest:
                if successor not in index:
                    descend = successor
                    break
                if successor in on_stack:
                    low[vertex] = min(low[vertex], index[successor])
            if descend is not None:
                index[descend] = low[descend] = len(index)
                stack.append(descend)
                on_stack.add(descend)
                work.append((descend, iter(successors.get(descend, ()))))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
            if low[vertex] == index[vertex]:
                found.append(_popped(stack, on_stack, vertex))
    return found


def _popped(stack: list[int], on_stack: set[int], until: int) -> list[int]:
    component: list[int] = []
    while True:
        vertex = stack.pop()
        on_stack.discard(vertex)
        component.append(vertex)
        if vertex == until:
            return sorted(component)


def topological(vertices: Iterable[int], successors: Adjacency) -> list[int]:
    """The vertices of an acyclic graph in topological order, ties by number."""
    degree = dict.fromkeys(vertices, 0)
    for vertex in degree:
        for successor in successors.get(vertex, ()):
            degree[successor] += 1
    ready = [vertex for vertex, count in degree.items() if count == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        vertex = heapq.heappop(ready)
        order.append(vertex)
        for successor in successors.get(vertex, ()):
            degree[successor] -= 1
            if degree[successor] == 0:
                heapq.heappush(ready, successor)
    return order


def reachable(starts: Iterable[int], successors: Adjacency) -> set[int]:
    """All vertices that can be reached from `starts`, these included."""
    seen = set(starts)
    todo = list(seen)
    while todo:
        for successor in successors.get(todo.pop(), ()):
            if successor not in seen:
                seen.add(successor)
                todo.append(successor)
    return seen
