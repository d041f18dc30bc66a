import { CONTROL, Labelled } from "../../ui/field";

interface Props {
  label: string;
  text: string;
  onText: (text: string) => void;
  problem: string | undefined;
  hint: string;
}

/** A field for JSON, with what is wrong about it below. */
export function JsonArea({ label, text, onText, problem, hint }: Props) {
  return (
    <Labelled label={label} hint={problem ? <span className="text-failed">{problem}</span> : hint}>
      {(id) => (
        <textarea
          id={id}
          value={text}
          onChange={(event) => onText(event.target.value)}
          rows={Math.min(14, Math.max(4, text.split("\n").length + 1))}
          spellCheck={false}
          aria-invalid={problem !== undefined}
          className={`${CONTROL} resize-y py-2 font-mono text-xs leading-relaxed`}
        />
      )}
    </Labelled>
  );
}
