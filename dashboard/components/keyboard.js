// A table that is reached by Tab waits for Enter. Without this the grid chooses its first cell as soon as it has the focus, and
// where a chosen cell opens a page, whoever only passes by is carried away. Enter goes in; then the arrows move from cell to cell.
const GRID = "canvas[data-testid=data-grid-canvas]";

export default function () {
  let tabbed = false;
  const pressed = (event) => {
    if (event.key === "Enter" && tabbed && event.target.matches?.(GRID)) {
      tabbed = false;
      event.preventDefault();
      event.stopPropagation();
      event.target.blur();
      event.target.focus();
    } else if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) {
      tabbed = event.key === "Tab" || (tabbed && document.activeElement?.matches?.(GRID));
    }
  };
  const pointed = () => { tabbed = false; };
  const focused = (event) => { if (tabbed && event.target.matches?.(GRID)) event.stopPropagation(); };
  const heard = [["keydown", pressed], ["pointerdown", pointed], ["focusin", focused]];
  heard.forEach(([name, call]) => window.addEventListener(name, call, true));
  return () => heard.forEach(([name, call]) => window.removeEventListener(name, call, true));
}
