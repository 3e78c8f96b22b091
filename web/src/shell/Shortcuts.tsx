import { useTranslation } from "react-i18next";

import { Dialog } from "@/ui/Dialog";
import { Keys } from "@/ui/Keys";

export function ShortcutsSheet({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const { t } = useTranslation();
  const groups = [
    {
      title: t("shortcuts.everywhere"),
      rows: [
        ["mod+k", t("palette.title")],
        ["?", t("shortcuts.sheet")],
        ["c", t("shortcuts.new")],
        ["g t", t("shortcuts.home")],
        ["g e", t("shortcuts.environments")],
        ["g s", t("shortcuts.settings")],
        ["mod+enter", t("shortcuts.submit")],
      ],
    },
    {
      title: t("shortcuts.list"),
      rows: [
        ["j", t("shortcuts.down")],
        ["k", t("shortcuts.up")],
        ["enter", t("shortcuts.openIt")],
        ["x", t("shortcuts.select")],
        ["e", t("shortcuts.archive")],
        ["/", t("shortcuts.search")],
      ],
    },
    {
      title: t("shortcuts.task"),
      rows: [
        ["1 … 5", t("shortcuts.tab")],
        ["f", t("shortcuts.followUp")],
        ["j k", t("shortcuts.nextFile")],
      ],
    },
  ] as const;
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t("shortcuts.title")} about={t("shortcuts.about")}>
      <div className="gap-x-10 sm:columns-2">
        {groups.map((group) => (
          <section key={group.title} className="break-inside-avoid pb-5">
            <h3 className="mb-1 text-sm font-medium text-muted">{group.title}</h3>
            <dl>
              {group.rows.map(([keys, what]) => (
                <div key={keys} className="flex items-center justify-between gap-4 border-b border-line py-1.5 last:border-0">
                  <dt>{what}</dt>
                  <dd>
                    <Keys keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
