"""German, French, Spanish and Portuguese: things; angles; shapes of request; remarks."""

from __future__ import annotations

GERMAN = (
    """Orchideen; Excel-Makros; Lastenrädern; Sauerteigbrot; Mietverträgen; Solaranlagen;
    Stubenkatzen; Bewerbungsfotos; Bruchrechnung; Schrebergärten; Docker-Containern;
    Geigenunterricht; Hochzeitsreden; Rückenschmerzen; Vulkanen; Krimis; Steuererklärungen;
    Zugreisen; Holzfenstern; Quantencomputern; Kita-Gebühren; Schachturnieren; Käsefondue;
    Waschmaschinen; Goethes Faust; Hausbooten""",
    """typische Fehler bei {}; die Geschichte von {}; günstige Alternativen zu {}; ein Gedicht
    über {}; Streit mit dem Nachbarn wegen {}; ein Zeitplan für die Arbeit an {}; die Mathematik
    hinter {}; Versicherungen im Zusammenhang mit {}; Kinderfragen zu {}; der Umgang mit {} in
    Japan; ein Bußgeld wegen {}; eine Umfrage zu {}; Allergien und {}""",
    """Kannst du mir kurz erklären, was es mit dem Thema „{s}“ auf sich hat?; {s}: was meinst du
    dazu?; Schreib bitte eine höfliche E-Mail an meinen Chef, Betreff: {s}.; Ich brauche bis
    morgen fünf Folien, {s}.; Wer kennt sich aus? {s}; Übersetze ins Englische: „{s} macht uns
    Sorgen.“; Stell mir ein Quiz zusammen ({s}).; Warum redet alle Welt über {t}? Vor allem:
    {s}.; Erzähl eine Gutenachtgeschichte, in der {t} vorkommen; Vor- und Nachteile als Tabelle:
    {s}; Ist das peinlich? Meine Frage lautet: {s}; hilfe, {s}!!""",
    """Ich habe nur {n} Minuten.; Meine Oma in {c} will das wissen.; Bitte ohne Fachwörter.;
    Budget: {n} Euro.; Es regnet seit {n} Tagen.; Wir sind {n} Leute im Verein.; Danke dir!;
    Mein Lehrer in {c} sagt das Gegenteil.; Gern auch mit Quellen.; Das ist für eine Wette.""",
)

FRENCH = (
    """les macarons; le bail de location; les trottinettes; une start-up; le subjonctif; les
    éoliennes; la guitare manouche; les requêtes SQL; un potager; le mal de dos; Madame Bovary;
    les ruches; le parapente; un chien craintif; la dissertation de philo; les trous noirs; le
    camembert; une robe de mariée; les impôts; le tricot; la Bretagne; un aquarium; les réseaux
    de neurones; le théâtre de rue; une vieille Peugeot""",
    """mes ennuis avec {}; un budget pour {}; trois légendes sur {}; la vie sans {}; un procès
    contre {}; un exposé sur {}; les outils pour {}; une chanson sur {}; le rapport entre la
    météo et {}; un débutant devant {}; les arnaques avec {}; une recette, un jeu ou une blague
    sur {}; voyager avec {}""",
    """Peux-tu m'expliquer ceci : {s} ?; {s}, par où commencer ?; Rédige une lettre polie. Objet
    : {s}.; Je dois présenter demain : {s}. Un plan ?; Traduis en anglais : « {s}, quelle
    histoire ! »; Fais-moi un tableau comparatif : {s}.; Imagine un dialogue entre deux voisins
    : {s}.; dis, c'est grave ? {s}; Pourquoi {t} ? Et surtout : {s}.; Donne dix titres
    d'article. Thème : {s}.; J'en ai assez : {s} !; Corrige ma phrase : « moi j'aime pas {t} »""",
    """J'ai {n} minutes.; C'est pour mon oncle de {c}.; Sans jargon, merci.; Maximum {n} euros.;
    Nous sommes {n} dans l'équipe.; Ma prof dit l'inverse.; Avec des sources si possible.; Il
    pleut à {c}.; C'est urgent.; Je suis dyslexique.""",
)

SPANISH = (
    """las abejas; la declaración de la renta; una guitarra flamenca; los volcanes; el gazpacho;
    mi jefa; las bicicletas eléctricas; el pretérito imperfecto; una hoja de cálculo; los perros
    sordos; el ajedrez; un huerto urbano; los agujeros negros; la hipoteca; el Camino de
    Santiago; una API lenta; el insomnio; los cómics; la boda de mi prima; un viejo barco; las
    fracciones; el teatro; las vacunas; una lavadora""",
    """consejos sobre {}; problemas con {}; un presupuesto para {}; un cuento para niños sobre
    {}; la ley sobre {}; la vida sin {}; cinco mitos sobre {}; un horario para {}; una discusión
    familiar por {}; regalos para quien sueña con {}; fotos con {}; las matemáticas tras {}; un
    podcast sobre {}""",
    """¿Me explicas {s}?; Necesito ayuda urgente: {s}.; Escribe un correo formal. Asunto: {s}.;
    ¿{s}? ¿Qué opinas?; Haz una tabla con pros y contras: {s}.; Traduce al inglés: «{s}, vaya
    lío».; Ponme un examen. Tema: {s}.; oye, {s}, ¿es normal?; Inventa un diálogo de humor:
    {s}.; ¿Por qué {t}? En especial, {s}.; Resúmelo en tres frases: {s}.; Mi abuela pregunta por
    {t}; dime también algo así: {s}""",
    """Tengo {n} minutos.; Vivo en {c}.; Sin tecnicismos.; Máximo {n} pesos.; Somos {n}
    vecinos.; ¡Gracias!; Mi profesor opina lo contrario.; Es para una apuesta.; Llueve en {c}.;
    Con fuentes, por favor.""",
)

PORTUGUESE = (
    """o fado; os azulejos; uma horta; a caderneta escolar; os gatos; o bacalhau; um contrato de
    trabalho; o Kubernetes; as marés; a saudade; um violão; os dinossauros; a bicicleta; o
    imposto; a dor no joelho; uma feira de livros; o xadrez; as frações; um barco; o café""",
    """dúvidas sobre {}; um plano para {}; brigas por causa disto: {}; um poema sobre {};
    dinheiro gasto com {}; a ciência por trás disto: {}; viajar com {}; viver sem {}; erros
    comuns com {}; uma aula sobre {}""",
    """Você pode me explicar {s}?; Escreva um e-mail formal, assunto: {s}.; Socorro: {s}!; O que
    acha? {s}; Faça um resumo em três frases: {s}.; Traduza para o inglês: «{s}».; Crie um
    diálogo engraçado: {s}.; Por que tanta gente fala disto: {t}? E {s}?; Lista de compras e
    tarefas: {s}""",
    """Tenho {n} minutos.; Moro em {c}.; Sem jargão.; Até {n} reais.; Somos {n} pessoas.;
    Obrigado!; É para a escola.; Meu tio discorda.""",
)
