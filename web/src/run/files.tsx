import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { filesQuery, fetchFile, type FileFilter } from "../api/queries";
import type { Artifact, Status } from "../api/types";
import { Button } from "../ui/button";
import { bytes } from "../ui/bytes";
import { saveFile } from "../ui/save-file";
import { ErrorBox } from "../ui/states";
import { useRunScope } from "./run-context";
import { Section } from "./run-panel";

/** The files that a turn of a node, or all nodes, have saved; asked for again as long as what saves them goes on. */
export function Files({ filter, stand }: { filter: FileFilter; stand: Status }) {
  const { project, runId } = useRunScope();
  const files = useInfiniteQuery(filesQuery(project, runId, filter, stand));
  const found = files.data?.pages.flatMap((page) => page.items) ?? [];
  if (found.length === 0 && !files.isError) return null;
  return (
    <Section title="Files" aside={<span className="text-xs text-ink-3 tabular-nums">{found.length > 0 && found.length}{files.hasNextPage && "+"}</span>}>
      <ul className="space-y-1.5" aria-label="Files">
        {found.map((file) => (
          <FileRow key={file.id} file={file} alone={filter.node !== undefined} />
        ))}
      </ul>
      {files.isError && <ErrorBox error={files.error} retry={() => void files.refetch()} />}
      {files.hasNextPage && (
        <Button kind="quiet" className="mt-1.5" busy={files.isFetchingNextPage} onClick={() => void files.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Section>
  );
}

function FileRow({ file, alone }: { file: Artifact; alone: boolean }) {
  const { project, runId } = useRunScope();
  const download = useMutation({
    mutationFn: () => fetchFile(project, runId, file.id),
    // Never as what it says it is: some browsers would open it as a page of ours.
    onSuccess: (content) => saveFile(content, lastPart(file.name), "application/octet-stream"),
  });
  return (
    <li className="rounded-lg border border-line bg-raised py-1 pr-1 pl-3 shadow-card">
      <div className="flex items-center gap-2">
        <div className="min-w-0 grow">
          <p className="truncate font-medium" title={file.name}>
            <bdi>{file.name}</bdi>
          </p>
          <p className="truncate text-xs text-ink-3 tabular-nums" title={file.media_type}>
            {about(file, alone).join(" · ")}
          </p>
        </div>
        <Button kind="quiet" icon="save" aria-label={`Download ${file.name}`} title="Download" busy={download.isPending} onClick={() => download.mutate()} />
      </div>
      {download.isError && <ErrorBox error={download.error} retry={() => download.mutate()} />}
    </li>
  );
}

/** Size and kind, and whose it is where that is not plain. */
function about(file: Artifact, alone: boolean): string[] {
  return [
    ...(alone ? [] : [file.node_id + (file.iteration > 0 ? `, lap ${file.iteration + 1}` : "")]),
    ...(file.path.length > 0 ? [`item ${file.path.join(".")}`] : []),
    bytes(file.size),
    file.media_type.replace(/;.*/, ""),
    ...(file.attempt > 1 ? [`attempt ${file.attempt}`] : []),
  ];
}

const lastPart = (name: string) => name.split(/[/\\]/).at(-1) || "file";
