/** The page before its script has run. Nothing in it depends on anything. */
export const PAGE: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>tcplab</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<link rel="stylesheet" href="/live.css">
<script type="module" src="/live.js"></script>
</head>
<body>
<header class="live-head"><h1>tcplab</h1></header>
<main id="live"><noscript>This page needs JavaScript.</noscript></main>
</body>
</html>
`;
