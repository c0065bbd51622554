"""Words by which names and values give away that a column is about what the law protects people for, in a dozen languages.

Names are compared without accents and in small letters. A word of six letters or more is looked for inside of names too
(Kundengeschlecht), a shorter one, or one of WHOLE, only as a word of its own (``age``, not ``average``).
"""

from __future__ import annotations

WHOLE = frozenset(("native", "foreign", "minority", "healthy", "disease", "illness", "church", "veteran"))
"""Words that stand inside of others too often: alternative, foreigner."""

NAMES: dict[str, str] = {
    "sex or gender": (
        "sex sexe sexo sesso gender genero genere geschlecht geslacht kjonn kjoenn sukupuoli plec pohlavi "
        "cinsiyet пол 性别 性別 성별 جنس ismale isfemale male female femme anrede salutation"
    ),
    "age": (
        "age ages alter edad idade eta leeftijd alder wiek vek yas vozrast возраст 年龄 年齢 나이 العمر birth born dob "
        "geburt naissance nacimiento nascimento nascita geboorte fodelse fodsels syntyma urodzen narozen dogum рождения 生日 "
        "出生 birthday birthdate birthyear yob agegroup agerange lebensalter jahrgang elderly"
    ),
    "race or ethnicity": (
        "race racial raza raca razza rasse ras ethnic ethnicity ethnie etnia etnico ethnisch skincolor hautfarbe piel "
        "pele pelle minority caste tribe tribal 民族 种族 人種 раса indigenous hispanic latino aboriginal"
    ),
    "nationality or origin": (
        "nationality nationalite nacionalidad nacionalidade nazionalita nationalitat nationaliteit nationalitet "
        "narodowosc narodnost citizenship citizen citoyennete ciudadania cidadania cittadinanza staatsangehorigkeit "
        "staatsburgerschaft staatsangehoerigkeit burgerschap medborgarskap obywatelstwo obcanstvi vatandaslik гражданство "
        "国籍 국적 الجنسية immigrant immigration migrant foreigner foreign native nativecountry birthcountry birthplace "
        "auslander migration refugee mothertongue muttersprache"
    ),
    "religion": (
        "religion religious religione religiao religie religia church konfession confession kirche faith denomination "
        "glaube вероисповедание religija nabozenstvi wyznanie uskonto kirchensteuer 宗教"
    ),
    "marital or family status": (
        "marital marriage married marriagestatus familystatus familienstand zivilstand matrimonial "
        "estado_civil etat_civil stato_civile statocivile burgerlijke_staat civilstatus stan_cywilny "
        "medeni divorced widowed spouse conjugal семейное 婚姻 widow dependents"
    ),
    "pregnancy": (
        "pregnant pregnancy maternity schwanger schwangerschaft enceinte grossesse embarazo embarazada gravida gravidez "
        "gravidanza zwanger gravid raskaus ciaza hamile беременность paternity parental_leave"
    ),
    "health or disability": (
        "disability disabled handicap behinderung behindert discapacidad deficiencia disabilita invaliditat invalidity "
        "invalidite health healthy diagnosis diagnose diagnostic illness disease gesundheit krankheit sante maladie salud "
        "enfermedad saude doenca salute malattia gezondheid ziekte terveys zdrowie saglik здоровье инвалидность 健康 残疾 hiv "
        "disab bmi"
    ),
    "sexual orientation": "sexual_orientation sexuality sexualitat sexualite sexualidad homosexual lgbt lgbtq transgender",
    "political opinion or union": (
        "political politics politik politique politica partei gewerkschaft union_member unionmember trade_union syndicat "
        "sindicato sindacato vakbond veteran"
    ),
}

VALUES: dict[str, tuple[str, ...]] = {
    "sex or gender": (
        "m f",
        "male female",
        "man woman",
        "men women",
        "boy girl",
        "masculine feminine",
        "mr mrs ms miss",
        "w m",
        "mann frau",
        "mannlich weiblich",
        "herr frau",
        "h f",
        "homme femme",
        "masculin feminin",
        "hombre mujer",
        "masculino femenino",
        "h m",
        "masculino feminino",
        "homem mulher",
        "uomo donna",
        "maschio femmina",
        "maschile femminile",
        "man vrouw",
        "m v",
        "man kvinna",
        "mand kvinde",
        "mann kvinne",
        "mies nainen",
        "mezczyzna kobieta",
        "k m",
        "muz zena",
        "erkek kadin",
        "e k",
        "м ж",
        "мужской женский",
        "мужчина женщина",
        "男 女",
        "남 여",
        "ذكر أنثى",
    ),
    "race or ethnicity": (
        (
            "white black asian hispanic latino native indian caucasian african american islander pacific mixed multiracial "
            "biracial white-non-hispanic asian-pac-islander amer-indian-eskimo african-american alaskan hawaiian arab roma "
            "han"
        ),
    ),
    "sexual orientation": (
        (
            "hetero heterosexual straight gay lesbian homosexual homo bi bisexual asexual pansexual queer heterosexuell schwul "
            "lesbisch homosexuell bisexuell heterosexuel heterosexuelle homosexuel homosexuelle lesbienne lesbiana bisexuel "
            "bisexuelle eterosessuale omosessuale bisessuale heteroseksualny homoseksualny biseksualny"
        ),
    ),
    "religion": (
        (
            "christian catholic protestant muslim islam hindu jewish buddhist sikh atheist agnostic orthodox evangelical "
            "jain katholisch evangelisch judisch muslimisch konfessionslos christianity judaism hinduism buddhism"
        ),
    ),
    "marital or family status": (
        (
            "single married divorced widowed separated unmarried never-married married-civ-spouse married-spouse-absent "
            "married-af-spouse widow ledig verheiratet geschieden verwitwet celibataire marie divorce veuf soltero casado "
            "divorciado viudo solteiro viuvo celibe sposato vedovo cohabiting"
        ),
    ),
    "nationality or origin": (
        (
            "united-states usa us germany de france fr spain es italy it portugal pt netherlands nl belgium be poland pl "
            "sweden se denmark dk norway no finland fi ireland ie austria at switzerland ch czechia cz hungary hu romania "
            "ro bulgaria bg greece gr turkey tr russia ru ukraine ua china cn india in japan jp korea kr vietnam vn "
            "philippines ph mexico mx brazil br argentina ar chile cl colombia co peru pe canada ca australia au nigeria "
            "ng kenya ke egypt eg morocco ma algeria dz pakistan pk bangladesh bd iran ir iraq iq syria sy israel il cuba "
            "jamaica ecuador guatemala nicaragua haiti england gb uk scotland thailand taiwan cambodia laos deutschland "
            "osterreich schweiz espana italia british german french spanish italian polish turkish russian chinese indian "
            "japanese mexican brazilian american canadian"
        ),
    ),
}
"""Values: of each line all words are of one kind; a column that has only such words is of it."""
