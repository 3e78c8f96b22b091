import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { checkEnvironment } from "@/api/environments";
import { spoken } from "@/i18n/said";
import { explain } from "@/shell/errors";
import { Field, Textarea } from "@/ui/Field";

import { Panel } from "@/ui/Panel";

/** It is asked whether the text is an environment this long (milliseconds) after the last key. */
const PAUSE = 300;

/** The environment as its `environment.toml`, which keeps its comments; the service says whether it is one. */
export function FileEditor({ text, onChange, onChecked }: { text: string; onChange: (text: string) => void; onChecked: (problem: string | null) => void }) {
  const { t } = useTranslation("environments");
  const [problem, setProblem] = useState<string | null>(null);
  const told = useRef(onChecked);
  useEffect(() => {
    told.current = onChecked;
  });
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const tell = (what: string | null): void => {
        if (abort.signal.aborted) return;
        setProblem(what);
        told.current(what);
      };
      checkEnvironment(text, abort.signal).then(
        (checked) => tell(checked.error ?? null),
        (error: unknown) => tell(explain(error).title),
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return (
    <Panel title={t("file.title")} about={t("file.about")}>
      <Field label={t("file.label")} error={problem ? spoken(problem) : undefined}>
        {(ids) => (
          <Textarea {...ids} rows={22} spellCheck={false} className="font-mono text-xs leading-5" value={text} onChange={(event) => onChange(event.target.value)} />
        )}
      </Field>
    </Panel>
  );
}
