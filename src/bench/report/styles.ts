/** How the page looks on screens, on paper, narrow and wide. Colours come from `plotStyles`. */

/** Style sheet of the page. */
export const pageStyles = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0 auto;max-width:66rem;padding:0 1.5rem 4rem;background:var(--page);color:var(--text);font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:2px}
main:focus{outline:none}
.skip{position:absolute;left:1.5rem;top:-4rem;padding:.5rem 1rem;background:var(--page);border:2px solid var(--accent);border-radius:0 0 4px 4px;z-index:1}
.skip:focus{top:0}
header{padding:4.5rem 0 0}
.kicker{margin:0;color:var(--muted);font-size:.875rem;letter-spacing:.04em}
h1{margin:.25rem 0 1.5rem;font-size:clamp(1.6rem,4.5vw,2.35rem);line-height:1.15;font-weight:650;letter-spacing:-.02em;text-wrap:balance}
h2{margin:0 0 1.25rem;font-size:1.4rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
h3{margin:2.75rem 0 .75rem;font-size:1.05rem;line-height:1.35;font-weight:650}
p{max-width:46rem}
.lede{margin:0 0 1rem;font-size:1.2rem;line-height:1.55;max-width:48rem}
.lede.small{font-size:1.05rem;margin:1.25rem 0}
.conditions,.note,figcaption{color:var(--muted);font-size:.9rem;line-height:1.55}
.note b,figcaption b{color:var(--text)}
.muted{color:var(--muted);font-weight:400}
.warning{margin:1.5rem 0 0;padding:1rem 1.25rem;max-width:none;background:var(--alarm-panel);border-left:4px solid var(--alarm);border-radius:2px}
.warning strong{color:var(--alarm)}
nav{margin:2.5rem 0 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line);padding:.75rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0;padding:0;list-style:none;font-size:.9rem}
nav a{display:inline-block;padding:.15rem 0;text-decoration:none}
nav a:hover{text-decoration:underline}
section{margin:4.5rem 0 0}
.scroll{overflow-x:auto;margin:0 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.85rem;line-height:1.4}
caption{text-align:left;color:var(--muted);font-size:.9rem;padding:0 0 .5rem}
th,td{padding:.45rem .42rem;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{font-weight:600;border-bottom:2px solid var(--edge);vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0}
th:last-child,td:last-child{padding-right:0}
tbody th{font-weight:400}
tbody b{font-weight:650}
tr.group th{padding-top:1.5rem;font-weight:650;text-align:left;border-bottom:1px solid var(--edge)}
tbody:first-of-type tr.group th{padding-top:.75rem}
.range{color:var(--muted);font-size:.92em}
.verdict{display:inline-block;width:1em;text-align:center;font-size:.8em}
.faster .verdict,span.faster{color:var(--accent)}
.slower .verdict,span.slower{color:var(--alarm)}
.same .verdict,.same b,span.same,.few .verdict,.few b{color:var(--muted)}
.same b,.few b{font-weight:400}
td.failed,span.failed,.failed b{color:var(--alarm)}
td.failed[colspan]{text-align:left;white-space:normal;min-width:16rem}
.tag{margin-left:.35em;padding:.05em .45em;border:1px solid var(--edge);border-radius:1em;font-size:.86em;color:var(--muted)}
svg.plot.sign{display:inline-block;vertical-align:-1px;margin-right:.4em}
.mean,.range,.start{white-space:nowrap}
th[scope=row]{white-space:normal}
td.words,th.words{text-align:left;white-space:normal}
td:last-child.words{min-width:14rem;overflow-wrap:anywhere}
figure{margin:0 0 2rem}
figcaption{max-width:46rem;margin:.25rem 0 0}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));gap:1rem 2rem}
.panel{margin:0}
.panel figcaption{margin:0 0 .25rem;color:var(--text)}
.chart{margin:0}
.chart>svg.plot{min-width:48rem}
.chart.narrow>svg.plot{min-width:24rem}
.tree .chart>svg.plot{max-width:none;min-width:0}
details{margin:.75rem 0 0}
summary{cursor:pointer;color:var(--accent);font-size:.9rem;width:fit-content}
details>.scroll{margin-top:.75rem;max-height:28rem;overflow:auto}
.controls{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .75rem;max-width:none;margin:0}
.controls[hidden]{display:none}
select,button{font:inherit;font-size:.95rem;color:var(--text);background:var(--page);border:1px solid var(--edge);border-radius:4px;padding:.45rem .7rem;max-width:100%;min-height:2.5rem}
button{cursor:pointer}
button:hover,select:hover{background:var(--panel)}
#pair-tables{display:grid;gap:1rem}
#pair-tables>*{min-width:0}
#pair-tables .long{max-height:32rem;overflow:auto}
#pair-tables td.bar{width:40%;min-width:9rem;padding-right:0}
.bar span{display:block;height:.7rem;background:linear-gradient(to right,transparent var(--from),var(--ink) var(--from),var(--ink) var(--to),transparent var(--to)),linear-gradient(to right,transparent calc(var(--one) - .5px),var(--edge) calc(var(--one) - .5px),var(--edge) calc(var(--one) + .5px),transparent calc(var(--one) + .5px));print-color-adjust:exact;-webkit-print-color-adjust:exact}
.bar .more{--ink:var(--accent)}
.bar .less{--ink:var(--alarm)}
.command{display:flex;align-items:flex-start;gap:.75rem}
pre span{display:inline-block;max-width:100%}
pre{flex:1;min-width:0;margin:0;padding:.85rem 1rem;background:var(--panel);border-radius:4px;font:.85rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.35rem 1.5rem;margin:1.5rem 0 0;font-size:.9rem}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
footer{margin:5rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem}
@media (max-width:40rem){td.faster,td.slower,td.same,td.few{white-space:normal}.range{display:block}body{padding:0 1rem 3rem}header{padding-top:3rem}section{margin-top:3.5rem}dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .6rem}th[scope=row]{position:sticky;left:0;background:var(--page)}.command{flex-direction:column;align-items:stretch}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{@page{size:A4;margin:14mm 12mm}
body{max-width:none;padding:0;font-size:9.5pt}
header{padding-top:0}
nav,.skip,.controls,button,summary{display:none!important}
details::details-content{display:block!important;content-visibility:visible!important;block-size:auto!important}
section{margin-top:9mm}
h2,h3,caption,tr.group{break-after:avoid}
tr,figure .chart,.panel,.warning{break-inside:avoid}
thead{display:table-header-group}
.scroll,details>.scroll,#pair-tables .long{overflow:visible!important;max-height:none!important}
.chart>svg.plot,.chart.narrow>svg.plot,.tree .chart>svg.plot{min-width:0;max-width:100%}
svg.plot{font-size:13px}
.panels{grid-template-columns:1fr 1fr}
table{font-size:7.4pt}
th,td{white-space:normal;padding:.25rem .3rem}
.range{display:block}
a{color:inherit;text-decoration:none}}`
