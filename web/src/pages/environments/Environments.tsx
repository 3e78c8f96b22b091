export function Environments() {
  return null;
}
