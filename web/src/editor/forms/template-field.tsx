import { useMemo, useState } from "react";
import { CodeBox } from "./code-box";
import { templateLanguage } from "./code-theme";
import type { Role } from "./fields";
import { Preview } from "./preview";
import { useForm } from "./scope";
import { useCompletion } from "./use-completion";

export interface TextProps {
  value: string;
  onChange: (text: string) => void;
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  role: Role;
  long: boolean;
  placeholder?: string;
}

/** A text with templates, or an expression: coloured, completed, and evaluated while it is written. */
export function TemplateField({ value, role, long, onChange, ...rest }: TextProps) {
  const { readOnly } = useForm();
  const [focused, setFocused] = useState(false);
  const completion = useCompletion(role, false);
  const extensions = useMemo(() => [templateLanguage(role === "expression"), completion], [role, completion]);
  return (
    <div className="relative">
      <CodeBox
        {...rest}
        value={value}
        onChange={onChange}
        readOnly={readOnly}
        single={!long && !value.includes("\n")}
        extensions={extensions}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      />
      {role !== "literal" && focused && <Preview said={value} role={role} invalid={rest.invalid} />}
    </div>
  );
}
