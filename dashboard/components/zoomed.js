// A button that puts the range somebody has zoomed into on a chart into the address, so that it can be shared and left by Back.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function named(moment) {
  const [, month, day] = moment.slice(0, 10).split("-").map(Number);
  return `${day} ${MONTHS[month - 1]}`;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let button = parentElement.querySelector("button.zoomed");
  if (!button) {
    button = parentElement.appendChild(document.createElement("button"));
    button.type = "button";
    button.className = "zoomed";
  }
  let chart = null;
  const range = () => (chart?._fullLayout?.xaxis?.range || data.range).map(String);
  const look = () => {
    const away = range().some((end, place) => Math.abs(new Date(end) - new Date(data.range[place])) > 60000);
    button.style.visibility = away ? "visible" : "hidden";
    button.textContent = `Keep ${named(range()[0])} – ${named(range()[1])} in the address`;
  };
  button.onclick = () => setTriggerValue("range", range().map((end) => end.slice(0, 10)));
  const find = () => {
    const found = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
    if (!found?.on || found === chart) return;
    chart = found;
    chart.on("plotly_relayout", look);
    look();
  };
  const finding = setInterval(find, 500);
  find();
  look();
  return () => {
    clearInterval(finding);
    chart?.removeListener?.("plotly_relayout", look);
  };
}
