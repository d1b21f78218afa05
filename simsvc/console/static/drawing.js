// What each chart looks like. Tooltips are drawn on the canvas: the policy forbids styles in HTML.
"use strict";

(() => {
  const day = (millis) => new Date(millis).toISOString().slice(0, 16).replace("T", " ");
  const short = (name) => (name.length > 17 ? `${name.slice(0, 15)}…` : name);
  const cut = (text) => (text.length > 90 ? `${text.slice(0, 88)}…` : text);

  const axis = (look, more) => ({
    axisLine: { lineStyle: { color: look.line } },
    axisTick: { show: false },
    axisLabel: { color: look.soft, fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: look.line, opacity: 0.5 } },
    nameTextStyle: { color: look.soft, fontSize: 11 },
    ...more,
  });

  const frame = (look, formatter, more) => ({
    animation: false,
    backgroundColor: "transparent",
    color: look.palette,
    textStyle: { fontFamily: look.font, color: look.text },
    grid: { left: 8, right: 14, top: 34, bottom: 8, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 8, textStyle: { color: look.soft, fontSize: 11 } },
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: look.card,
      borderColor: look.line,
      textStyle: { color: look.text, fontSize: 12 },
      formatter,
    },
    ...more,
  });

  const time = (look) => axis(look, { type: "time", splitLine: { show: false } });

  const timeline = (data, look) => {
    const of = (wanted) =>
      data.times.flatMap((at, i) => (data.attributed[i] === wanted ? [[at, data.account[i], i]] : []));
    const series = (name, points, colour, size) => ({
      name, type: "scatter", data: points, symbolSize: size, itemStyle: { color: colour, opacity: 0.8 },
    });
    const cover = of(0);
    const own = of(1);
    return {
      points: data.times.length,
      series: { campaign: own.length, cover: cover.length },
      caption: `${data.times.length.toLocaleString("en")} of ${data.total.toLocaleString("en")} prompts of ${data.accounts.length.toLocaleString("en")} accounts; one line an account. Click a dot to read it.`,
      link: (p) => `/prompts/${encodeURIComponent(data.prompts[p.data[2]])}`,
      option: frame(look, (p) => `${day(p.data[0])}\n${short(data.accounts[p.data[1]])}`, {
        xAxis: { ...time(look), axisLine: { show: false } },
        yAxis: axis(look, {
          type: "value", min: -1, max: data.accounts.length, inverse: true, minInterval: 1,
          axisLabel: { show: false }, splitLine: { show: false },
        }),
        series: [
          series("other prompts of its accounts", cover, look.muted, 4),
          series("the campaign's", own, look.strong, 6),
        ],
      }),
    };
  };

  const map = (data, look) => {
    const typed = (values) => Float32Array.from(values);
    const series = (name, values, colour, size, opacity) => ({
      name, type: "scatter", data: typed(values), dimensions: ["x", "y"], symbolSize: size,
      large: values.length > 8000, largeThreshold: 0, itemStyle: { color: colour, opacity }, z: size,
    });
    const bare = axis(look, { type: "value", scale: true, axisLabel: { show: false }, axisLine: { show: false } });
    const counts = { background: data.background.length / 2, campaign: data.campaign.length / 2, cover: data.cover.length / 2 };
    const ids = [[], data.cover_prompts, data.campaign_prompts];
    return {
      points: counts.background + counts.campaign + counts.cover,
      series: counts,
      caption: `The campaign's ${counts.campaign.toLocaleString("en")} prompts over ${counts.background.toLocaleString("en")} of ${data.total.toLocaleString("en")} others. The two axes carry ${Math.round(100 * data.explained)} % of the differences.`,
      link: (p) => (ids[p.seriesIndex][p.dataIndex] ? `/prompts/${encodeURIComponent(ids[p.seriesIndex][p.dataIndex])}` : null),
      option: frame(look, (p) => p.seriesName, {
        xAxis: bare,
        yAxis: bare,
        series: [
          series("all traffic", data.background, look.muted, 2.5, 0.45),
          series("other prompts of its accounts", data.cover, look.second, 5, 0.75),
          series("the campaign's", data.campaign, look.strong, 6, 0.9),
        ],
      }),
    };
  };

  const KINDS = { twins: "twins: one source", lockstep: "lockstep: shared families", session: "a conversation moved", frame: "one rare frame", other: "other" };

  const graph = (data, look) => {
    const kinds = Object.keys(KINDS).filter((kind) => data.edges.some((e) => e.kind === kind));
    const most = Math.max(1, ...data.nodes.map((n) => n.prompts));
    const says = (p) =>
      p.dataType === "edge"
        ? p.data.reasons.map(cut).join("\n") || KINDS[p.data.kind]
        : `${short(p.data.account)}\nbelongs with ${Math.round(100 * p.data.probability)} %, ${p.data.prompts} prompts`;
    return {
      points: data.nodes.length,
      series: { nodes: data.nodes.length, edges: data.edges.length },
      caption: `${data.nodes.length} of ${data.total.toLocaleString("en")} accounts, ${data.edges.length} links. Point at a line to read why it is there, drag to move, scroll to come nearer.`,
      keys: kinds.map((kind) => [look.kinds[kind], KINDS[kind]]),
      link: (p) => (p.dataType === "node" ? `/accounts/${encodeURIComponent(p.data.account)}` : null),
      option: frame(look, says, {
        legend: { show: false },
        series: [{
          type: "graph", layout: "force", roam: true, left: 20, right: 20, top: 10, bottom: 10,
          force: { initLayout: "circular", repulsion: 90, edgeLength: [20, 70], gravity: 0.3, layoutAnimation: false },
          emphasis: { focus: "adjacency" },
          data: data.nodes.map((n, i) => ({
            ...n, id: String(i), name: n.account, symbolSize: 5 + 9 * Math.sqrt(n.prompts / most),
            itemStyle: { color: look.text, opacity: 0.3 + 0.6 * n.probability },
          })),
          links: data.edges.map((e) => ({
            ...e, source: String(e.source), target: String(e.target),
            lineStyle: { color: look.kinds[e.kind], width: 0.5 + 1.5 * e.weight, opacity: 0.2 + 0.4 * e.weight },
          })),
        }],
      }),
    };
  };

  const coverage = (data, look) => {
    const points = data.prompts.map((n, i) => [n, data.distinct[i]]);
    // A set far larger than what was asked for would lay the curve flat on the axis: the caption tells it.
    const near = data.estimated > 0 && data.estimated <= 3 * (data.prompts.at(-1) ?? 0);
    const size = near
      ? { silent: true, symbol: "none", data: [{ yAxis: data.estimated }], lineStyle: { color: look.second, type: "dashed" },
          label: { formatter: `at least ${data.estimated.toLocaleString("en")} in all`, position: "insideStartTop", color: look.text, fontSize: 11 } }
      : undefined;
    return {
      points: points.length,
      series: { curve: points.length },
      caption: `${(data.distinct.at(-1) ?? 0).toLocaleString("en")} different items in ${(data.prompts.at(-1) ?? 0).toLocaleString("en")} prompts${data.estimated ? `, of at least ${data.estimated.toLocaleString("en")}` : ""}; the next is new with ${Math.round(100 * data.unseen)} %. Dotted: if every prompt asked for something new.`,
      link: () => null,
      option: frame(look, (p) => `${p.data[1]} different items in ${p.data[0]} prompts`, {
        legend: { show: false },
        grid: { left: 8, right: 14, top: 34, bottom: 24, containLabel: true },
        xAxis: axis(look, { type: "value", name: "prompts", nameLocation: "middle", nameGap: 26, splitLine: { show: false } }),
        yAxis: axis(look, { type: "value", name: "different items", nameTextStyle: { color: look.soft, fontSize: 11, align: "left" }, max: near ? (v) => Math.ceil(Math.max(v.max, 1.08 * data.estimated)) : undefined }),
        series: [
          { type: "line", data: points, showSymbol: points.length < 3, symbolSize: 5, step: "end", lineStyle: { width: 2.5, color: look.strong }, itemStyle: { color: look.strong }, areaStyle: { color: look.strong, opacity: 0.12 }, markLine: size },
          { type: "line", data: [[0, 0], [data.distinct.at(-1) ?? 0, data.distinct.at(-1) ?? 0]], showSymbol: false, silent: true, lineStyle: { width: 1, type: "dotted", color: look.soft } },
        ],
      }),
    };
  };

  const days = (data, look) => ({
    points: data.times.length,
    series: { days: data.times.length },
    caption: "",
    link: () => null,
    option: frame(look, (p) => `${day(p.data[0]).slice(0, 10)}\n${p.data[1]} prompts`, {
      legend: { show: false },
      xAxis: { ...time(look), minInterval: 86_400_000, axisLabel: { color: look.soft, fontSize: 11, hideOverlap: true, formatter: "{d} {MMM}" } },
      yAxis: axis(look, { type: "value", minInterval: 1 }),
      series: [{ type: "bar", barMaxWidth: 24, data: data.times.map((at, i) => [at, data.prompts[i]]), itemStyle: { color: look.strong } }],
    }),
  });

  const matches = (data, look) => ({
    points: data.times.length,
    series: { matches: data.times.length },
    caption: "",
    link: (p) => `/prompts/${encodeURIComponent(data.prompts[p.dataIndex])}`,
    option: frame(look, (p) => `${day(p.data[0])}\n${short(data.accounts[p.dataIndex])}\n${p.data[1]} alike`, {
      legend: { show: false },
      xAxis: time(look),
      yAxis: axis(look, { type: "value", scale: true, name: "similarity" }),
      series: [{ type: "scatter", symbolSize: 7, data: data.times.map((at, i) => [at, data.similarity[i]]), itemStyle: { color: look.strong, opacity: 0.8 } }],
    }),
  });

  window.simsvcDrawings = { timeline, map, graph, coverage, days, matches };
})();
