"""What people ask about nature, places, the past and the arts."""

from __future__ import annotations

from simsvc.demo.phrases import Topic

WORLD = (
    Topic.of(
        "biology",
        """mitochondria; octopus camouflage; the vagus nerve; CRISPR; coral bleaching; sourdough
        yeast; photosynthesis; migration of eels; the gut microbiome; slime moulds; whale song;
        antibodies; hibernation; lichens; prions; convergent evolution; the inner ear;
        mangroves; stem cells; bioluminescence; tardigrades; pollination; blood types; mimicry
        in butterflies; spider silk; circadian clocks""",
        """open research questions on {}; a poster about {}; {} for nine-year-olds; genes behind
        {}; what would happen without {}; field work on {}; medical uses of {}; the energy
        budget of {}; {} through a microscope; a podcast script on {}; common exam traps about
        {}; fossils and the origin of {}; {} under climate change""",
    ),
    Topic.of(
        "astronomy",
        """Saturn's rings; a solar eclipse; neutron stars; the Kuiper belt; a Dobsonian
        telescope; light pollution; exoplanets; the Moon's far side; sunspots; gravitational
        waves; comets; the cosmic microwave background; Jupiter's moons; a planetarium show;
        meteor showers; star clusters; dark matter; a Mars rover; auroras; the ecliptic;
        variable stars; nebulae; a space elevator; zodiacal light; asteroid mining""",
        """photographing {} from a city; numbers that convey the size of {}; folklore about {};
        an evening talk on {}; how we know about {}; instruments built to study {}; {} in
        science fiction; a naked-eye guide to {}; the next decade of {}; {} seen from the
        southern hemisphere; a bedtime story with {}; controversies around {}""",
    ),
    Topic.of(
        "history",
        """the Hanseatic League; the Black Death; Song dynasty paper money; the Inca road
        system; the Suez crisis; Viking burials; the printing press; the Meiji restoration;
        guild apprentices; the Library of Alexandria; the Partition of India; Roman concrete;
        suffragettes; the Silk Road; the Congress of Vienna; the tulip bubble; the Mali Empire;
        the Berlin airlift; whaling towns; the Ottoman court; the Great Fire of London; the
        Luddites; the Apollo programme; Byzantine mosaics; the Gold Rush; the Peasants' War""",
        """causes of {}; daily life around {}; women in {}; primary sources on {}; an essay
        thesis about {}; a timeline of {}; what popular films get wrong about {}; the economics
        of {}; {} from the losers' side; a museum caption on {}; parallels between {} and today;
        a debate on {}; forgotten people of {}""",
    ),
    Topic.of(
        "philosophy",
        """the trolley problem; Stoic acceptance; free will; the ship of Theseus;
        existentialism; Kant's categorical imperative; moral luck; the veil of ignorance;
        scepticism; utilitarianism; personal identity; Zen koans; the paradox of tolerance;
        virtue ethics; consciousness; animal rights; Plato's cave; social contracts; nihilism;
        the problem of evil; just war; Confucian ritual; the meaning of work; Pascal's wager;
        aesthetic taste; effective altruism""",
        """a dialogue between two friends on {}; the best objection to {}; {} in a hospital
        ethics board; {} for sixth-formers; a counterexample to {}; how feminist thinkers read
        {}; {} and self-driving vehicles; a reading list on {}; {} in one paragraph; {} as a
        short story; formalising {} in logic; why {} still divides people""",
    ),
    Topic.of(
        "literature",
        """an unreliable narrator; a sonnet sequence; magic realism; a Greek chorus; epistolary
        novels; a villain's monologue; free indirect speech; haiku; the Gothic castle; a
        coming-of-age plot; satire; a frame story; stream of consciousness; limericks; a
        detective's sidekick; tragedy; nature poetry; a utopia; translated fiction; memoir;
        fables; a heist plot; blank verse; ghost stories; science-fiction worldbuilding; a love
        triangle""",
        """an opening paragraph that uses {}; clichés to avoid in {}; a book-club discussion of
        {}; {} in postcolonial writing; feedback on my draft with {}; a syllabus around {}; the
        pacing of {}; a parody of {}; {} told for small children; the origins of {}; dialogue
        exercises for {}; a rejection letter concerning {}; {} on the radio""",
    ),
    Topic.of(
        "film",
        """a silent comedy; long takes; stop-motion; a spaghetti western; jump cuts; film noir
        lighting; a documentary about fishermen; a musical number; colour grading; foley sound;
        a road movie; a heist trailer; title sequences; the three-act structure; practical
        effects; a film score; dubbing; a student short; drone footage; a courtroom scene;
        casting extras; continuity; an animated fox; subtitles; a found-footage horror; green
        screens""",
        """a shot list for {}; how critics talk about {}; the budget of {}; {} with a phone
        camera; an essay comparing {} across decades; festival submissions for {}; pitching {}
        to producers; mistakes beginners make in {}; {} in Iranian cinema; software for {}; a
        workshop on {} for pensioners; rights and permissions for {}; a review of {}""",
    ),
    Topic.of(
        "music",
        """a fugue; barre chords; a jazz walking bass; vocal warm-ups; a cello bow; polyrhythms;
        a church organ; modal scales; a ukulele; beatboxing; sight-reading; a wedding band;
        mixing vocals; tabla cycles; a lullaby; a harmonica; perfect pitch; synth patches; opera
        arias; a choir of beginners; sea shanties; a trombone slide; drum fills; a string
        quartet; bagpipes; a home studio""",
        """daily practice of {}; the theory behind {}; buying second-hand gear for {}; stage
        fright and {}; an arrangement with {}; neighbours complaining about {}; {} in video
        games; listening examples of {}; a grant application for {}; recording {} cheaply; {}
        with arthritis; the cultural history of {}; lyrics or notation for {}""",
    ),
    Topic.of(
        "painting and crafts",
        """watercolour skies; oil glazing; linocuts; raku pottery; calligraphy; a mosaic table;
        batik; charcoal portraits; origami cranes; screen printing; egg tempera; stained glass;
        gouache; bookbinding; a mural; silver rings; candle making; perspective drawing;
        macramé; enamel pins; sculpting in clay; urban sketching; marbled paper; a comic strip;
        gold leaf; botanical drawing""",
        """a starter kit for {}; fixing a ruined attempt at {}; {} with a class of thirty;
        pricing commissions for {}; ventilation and toxins in {}; famous masters of {}; a video
        tutorial script on {}; composition in {}; {} on a train journey; storing finished work
        from {}; a gallery text on {}; {} as therapy; colour choices in {}""",
    ),
    Topic.of(
        "photography",
        """a foggy harbour; newborn portraits; macro shots of beetles; star trails; street
        markets; an old film camera; wedding candids; product shots of perfume; a football
        match; waterfalls; black-and-white architecture; a tripod; golden-hour landscapes; flash
        indoors; wildlife hides; a passport photo; pinhole boxes; underwater reefs; food on dark
        plates; concert stages; double exposures; scanned negatives; drone panoramas; a family
        archive; fireworks""",
        """shutter and aperture for {}; editing {}; blurred results with {}; a lens for {};
        publishing {} legally; a zine about {}; {} in heavy rain; backing up {}; a critique of
        {}; a location scout for {}; captions for {}; printing {} large; a workshop plan on {};
        colour casts in {}""",
    ),
    Topic.of(
        "city trips",
        """Lisbon; Kyoto; Tbilisi; Oaxaca; Ghent; Marrakesh; Ljubljana; Hanoi; Valparaíso;
        Reykjavík; Naples; Jaipur; Quebec; Sarajevo; Cape Town; Seville; Kraków; Istanbul;
        Melbourne; Dakar; Bergen; Buenos Aires; Taipei; Edinburgh; Amman; New Orleans;
        Samarkand; Porto; Riga; Cusco""",
        """three days in {} with a wheelchair; street food in {}; a rainy afternoon in {}; the
        airport transfer in {}; haggling and tipping in {}; quiet neighbourhoods of {}; {} in
        February; a photography walk through {}; museums of {} for bored teenagers; a packing
        list for {}; pickpockets in {}; a day trip from {}; books set in {}; working remotely
        from {}; the nightlife of {}; a love letter set in {}""",
    ),
    Topic.of(
        "hiking and camping",
        """the Dolomites; a hammock tent; an alpine hut; the Scottish Highlands; a bear
        canister; blisters; the Atlas mountains; trekking poles; a via ferrata; wild camping; a
        water filter; a glacier crossing; topographic maps; the Camino; snowshoes;
        thunderstorms; a trail stove; Patagonia; a dog on the trail; ticks; an avalanche beacon;
        canyons; a rucksack; Corsica; altitude sickness; the Annapurna loop""",
        """preparing for {}; gear weight and {}; {} with a ten-year-old; emergency plans for {};
        {} in late October; the etiquette of {}; a diary entry about {}; permits or rules for
        {}; cheap gear for {}; meals around {}; the geology or science of {}; renting equipment
        for {}; an accident report on {}""",
    ),
    Topic.of(
        "geography and climate",
        """monsoons; the Aral Sea; fjords; permafrost; a megacity slum; river deltas; the Sahel;
        volcanic islands; El Niño; border enclaves; desert oases; a dam project; peat bogs;
        tides; time zones; urban heat; the Gulf Stream; tsunami warnings; cartograms; land
        subsidence; karst caves; reindeer herders; rewilding; salt flats; tornado alley;
        groundwater""",
        """a classroom map exercise on {}; the politics of {}; satellite data on {}; {} in fifty
        years; a field trip to study {}; the vocabulary of {}; how {} forms or works; tourism
        and {}; a model of {} from papier-mâché; statistics about {}; indigenous knowledge of
        {}; a policy brief on {}; disasters linked to {}""",
    ),
)
