import { useTranslation } from "react-i18next";

import { date } from "@/i18n/format";

import { ceiling, type Day } from "./series";

const WIDTH = 720;
const HEIGHT = 200;
const TOP = 8;

/** A stacked bar for each day. What it shows is in the table under it, too. */
export function Chart({ days, label, colour, name, figure }: { days: Day[]; label: string; colour: (key: string) => string; name: (key: string) => string; figure: (value: number) => string }) {
  const { t } = useTranslation("settings");
  const most = ceiling(Math.max(0, ...days.map((day) => day.total)));
  const step = WIDTH / Math.max(1, days.length);
  const bar = Math.max(1, Math.min(28, step * 0.72));
  const y = (value: number): number => TOP + (HEIGHT - TOP) * (1 - value / most);
  const shown = (day: string): string => date(Date.parse(`${day}T12:00:00Z`) / 1000);
  const first = days[0];
  const last = days.at(-1);
  return (
    <figure>
      <div className="flex gap-2">
        <div aria-hidden className="flex flex-col justify-between pb-0.5 text-right text-2xs text-faint tabular">
          <span>{figure(most)}</span>
          <span>{figure(most / 2)}</span>
          <span>{figure(0)}</span>
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label} className="h-48 min-w-0 flex-1">
          {[0, 0.5, 1].map((part) => (
            <line key={part} x1="0" x2={WIDTH} y1={y(most * part)} y2={y(most * part)} stroke="var(--line)" vectorEffect="non-scaling-stroke" />
          ))}
          {days.map((day, index) => {
            let below = 0;
            return (
              <g key={day.day}>
                <title>{[`${shown(day.day)}: ${figure(day.total)}`, ...day.parts.map((part) => `${name(part.key)}: ${figure(part.value)}`)].join("\n")}</title>
                <rect x={index * step} y="0" width={step} height={HEIGHT} fill="transparent" className="hover:fill-sunken" />
                {day.parts.map((part) => {
                  const top = y(below + part.value);
                  const height = y(below) - top;
                  below += part.value;
                  return <rect key={part.key} x={index * step + (step - bar) / 2} y={top} width={bar} height={height} fill={colour(part.key)} pointerEvents="none" />;
                })}
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption className="mt-1 flex justify-between pl-8 text-2xs text-faint">
        <span>{first ? shown(first.day) : ""}</span>
        <span>{t("usage.utc")}</span>
        <span>{last ? shown(last.day) : ""}</span>
      </figcaption>
    </figure>
  );
}
